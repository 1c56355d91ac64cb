"""Show the built book on localhost."""

import functools
import http.server

import one_sentence
from project import HERE, Project


def main() -> int:
    """Serve until interrupted."""
    project = Project(HERE)
    if not project.html.is_dir():
        raise one_sentence.Told("There is no book yet: run make book first.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=project.html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        port = server.server_address[1]
        print(f"http://127.0.0.1:{port}/{project.pages[0]}.html (Ctrl-C stops)", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

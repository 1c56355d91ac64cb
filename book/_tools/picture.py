"""Take the picture of the front page that README.md shows."""

import one_sentence
from project import HERE, Project

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PICTURE = HERE / ".github" / "page.png"
WIDTH, HEIGHT = 1280, 1000


def main() -> int:
    """Open the page in Chromium at the figure that answers the book's question."""
    from playwright.sync_api import sync_playwright

    project = Project(HERE)
    page_file = project.html / f"{project.pages[0]}.html"
    if not page_file.is_file():
        raise one_sentence.Told("There is no book yet: run make book first.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        figure = "document.querySelector('.cell_output figure')"
        page.evaluate(figure + ".scrollIntoView({block: 'center', behavior: 'instant'})")
        page.screenshot(path=PICTURE)
        browser.close()
    print(f"{PICTURE.relative_to(HERE)}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

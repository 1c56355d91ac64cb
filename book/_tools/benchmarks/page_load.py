"""Opening a page of the built book: text, mathematics, and whether anything moves.

Each page is opened several times in Chromium, each time with an empty cache, from a server on this
machine; the median is kept. Text is there with the browser's "first contentful paint". Formulas
are drawn with the text around them, so the mathematics is complete with the first frame after the
whole page was read. What moves is the browser's "cumulative layout shift", read a second later.
"""

import contextlib
import functools
import http.server
import shutil
import statistics
import threading
from collections.abc import Iterator

from contest import Contest
from project import Project

TARGETS = {"text": 1.0, "mathematics": 3.0, "shift": 0.1}  # seconds, seconds, no unit
REPETITIONS = 3
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WATCH = """
window.seen = {shift: 0};
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (entry.name === "first-contentful-paint") seen.text = entry.startTime / 1000;
})).observe({type: "paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (!entry.hadRecentInput) seen.shift += entry.value;
})).observe({type: "layout-shift", buffered: true});
document.addEventListener("DOMContentLoaded", () => requestAnimationFrame(() =>
  requestAnimationFrame(() => { seen.mathematics = performance.now() / 1000; })));
"""


def contests(quick: bool) -> Iterator[Contest]:
    """None: a page is not compared with another; see `pages`."""
    return iter(())


def pages(quick: bool) -> dict[str, dict]:
    """For each page the seconds to its text and its mathematics, and its layout shift."""
    project, chromium = Project(), shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not project.html.is_dir():
        absent = "no Chromium" if chromium is None else "no built book"
        print(f"  there is {absent} here", flush=True)
        return {}
    from playwright.sync_api import sync_playwright

    names = project.pages[:1] if quick else project.pages
    found = {}
    with serving(project) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened(browser, f"{address}/{names[0]}.html")  # the first one starts the browser's parts
        for name in names:
            runs = [
                opened(browser, f"{address}/{name}.html")
                for _ in range(1 if quick else REPETITIONS)
            ]
            found[name] = {
                what: round(statistics.median(run[what] for run in runs), 3) for what in TARGETS
            }
            print(f"  {name}: " + ", ".join(f"{k} {v}" for k, v in found[name].items()), flush=True)
        browser.close()
    return found


@contextlib.contextmanager
def serving(project: Project) -> Iterator[str]:
    """The built pages on a port of this machine; the address."""
    handler = functools.partial(Quiet, directory=project.html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_) -> None:
        """Nothing."""


def opened(browser, address: str) -> dict[str, float]:
    """What was seen when a page was opened with an empty cache."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, service_workers="block", color_scheme="light"
    )
    tab = context.new_page()
    tab.add_init_script(WATCH)
    tab.goto(address, wait_until="load")
    tab.wait_for_function("seen.text && seen.mathematics")
    tab.wait_for_timeout(1000)
    seen = tab.evaluate("seen")
    context.close()
    return seen

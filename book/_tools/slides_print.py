"""Makes every slide of a deck fit, in Chromium, and prints it."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import one_sentence
import slides_deck

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SMALLEST = 17  # pixels of text that the last row can still read on 1280 x 720

FIT = """smallest => {
  const small = [];
  document.querySelectorAll(".slide").forEach((slide, index) => {
    const fit = slide.querySelector(".fit");
    if (!fit) return;
    const space = slide.querySelector(".body"), wide = () =>
      [...fit.querySelectorAll(".math svg")].some(
        m => m.getBoundingClientRect().right > slide.getBoundingClientRect().right - 60);
    let size = 27;
    do { size -= 1; fit.style.fontSize = size + "px"; }
    while (size > 9 && (fit.scrollHeight > space.clientHeight || wide()));
    if (size < smallest) small.push(index + 1);
  });
  return small;
}"""


class Deck(NamedTuple):
    """A deck as it is written; `too_small` numbers the slides whose text had to shrink a lot."""

    html: str
    pdf: bytes
    count: int
    too_small: list[int]


class Press:
    """A browser, for as long as there are decks to print."""

    def __enter__(self) -> "Press":
        """Start it."""
        from playwright.sync_api import sync_playwright

        program = next((p for p in CHROMIUM if Path(p).exists()), None)
        if program is None:
            raise one_sentence.Told(f"Slides need a Chromium at one of {', '.join(CHROMIUM)}.")
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=program, args=FLAGS)
        return self

    def __exit__(self, *_) -> None:
        """End it."""
        self._browser.close()
        self._playwright.stop()

    def typeset(self, html: str) -> Deck:
        """Shrink what does not fit, and print."""
        size = {"width": slides_deck.WIDTH, "height": slides_deck.HEIGHT}
        page = self._browser.new_page(viewport=size)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "deck.html"
            path.write_text(html, "utf8")
            page.goto(path.as_uri())
            small = page.evaluate(FIT, SMALLEST)
            pdf = page.pdf(
                width=f"{slides_deck.WIDTH}px",
                height=f"{slides_deck.HEIGHT}px",
                print_background=True,
                tagged=True,
            )
            count = page.locator(".slide").count()
            done = page.content()
        page.close()
        return Deck(done, pdf, count, small)

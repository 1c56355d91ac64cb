"""A deck as one page of HTML, before a browser has made every slide fit."""

import html as escape
import re

from slides_page import Chapter, Slide

WIDTH, HEIGHT = 1280, 720  # of a slide, in CSS pixels; a page of the PDF has the same size

STYLE = """
@page { size: 1280px 720px; margin: 0 }
* { box-sizing: border-box }
html { background: #ddd }
body { margin: 0; color: #1a1a1a;
  font: 26px/1.42 "Source Sans 3", "Noto Sans", "DejaVu Sans", sans-serif }
.slide { position: relative; width: 1280px; height: 720px; margin: 0 auto 24px;
  padding: 56px 80px 76px; background: #fff; overflow: hidden; break-after: page;
  break-inside: avoid }
.slide:last-of-type { break-after: auto }
.slide h2 { margin: 0 0 18px; font-size: 22px; font-weight: 600; color: #5b6770 }
.body { height: 530px; display: flex; flex-direction: column; justify-content: center }
.fit { width: 100% }
.statement .fit { border-left: 6px solid #0072b2; padding: 4px 0 4px 30px }
h3.statement { margin: 0 0 12px; font-size: 1.08em }
p { margin: 0 0 .55em }
ul, ol { margin: 0; padding-left: 1.2em } li { margin: 0 0 .5em } li p { margin: 0 0 .3em }
figure { margin: 0; display: flex; align-items: center; justify-content: center; gap: 44px;
  height: 100% }
figure img { max-width: 700px; height: 530px; object-fit: contain }
figcaption { flex: 0 1 390px; font-size: 23px }
.first .body { justify-content: flex-start; padding-top: 110px }
.first h1 { margin: 0 0 30px; font-size: 56px; line-height: 1.15 }
.first .learn::before { content: "You will learn "; font-weight: 600 }
.eqno { float: right; margin-top: .9em; font-size: .8em; color: #5b6770 }
footer { position: absolute; left: 80px; right: 80px; bottom: 26px; display: flex;
  justify-content: space-between; font-size: 16px; color: #5b6770 }
.math { white-space: nowrap } .math svg { font-size: .88em } /* the text's x is large */
.math math { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
div.math .formula { margin: .6em 0; text-align: center }
@media print { html { background: #fff } .slide { margin: 0 } }
"""

KEYS = """
document.addEventListener("keydown", function (event) {
  var forward = ["ArrowRight", "ArrowDown", "PageDown", " "].includes(event.key);
  var back = ["ArrowLeft", "ArrowUp", "PageUp"].includes(event.key);
  var step = forward - back;
  if (!step) return;
  event.preventDefault();
  var slides = Array.from(document.querySelectorAll(".slide")), middle = innerHeight / 2;
  var now = slides.findIndex(function (s) { return s.getBoundingClientRect().bottom > middle; });
  var next = slides[Math.max(0, Math.min(slides.length - 1, now + step))];
  next.scrollIntoView({block: "center"});
});
"""


def html(chapter: Chapter, book: str) -> str:
    """The deck."""
    total = len(chapter.slides) + 1
    first = _first(chapter, book, total)
    others = [
        _slide(slide, chapter.title, number, total)
        for number, slide in enumerate(chapter.slides, start=2)
    ]
    title = " ".join(_plain(chapter.title).split())
    return (
        f'<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n"
        f"<body>{chapter.glyphs}<main>{first}{''.join(others)}</main>"
        f"<script>{KEYS}</script></body></html>\n"
    )


def _first(chapter: Chapter, book: str, total: int) -> str:
    learn = f'<p class="learn">{chapter.learn}</p>' if chapter.learn else ""
    body = f'<div class="fit"><h1>{chapter.title}</h1>{learn}</div>'
    return _frame("first", body, escape.escape(book), 1, total)


def _slide(slide: Slide, chapter: str, number: int, total: int) -> str:
    body = f'<div class="fit">{slide.body}</div>' if slide.kind != "figure" else slide.body
    return _frame(slide.kind, body, chapter, number, total, f"<h2>{slide.section}</h2>")


def _frame(kind: str, body: str, foot: str, number: int, total: int, heading: str = "") -> str:
    return (
        f'<section class="slide {kind}">{heading}<div class="body">{body}</div>'
        f"<footer><span>{foot}</span><span>{number} / {total}</span></footer></section>\n"
    )


def _plain(text: str) -> str:
    return escape.unescape(re.sub(r"<[^>]*>", "", text))

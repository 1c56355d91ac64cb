// A formula that is wider than its place fades at its end and can be scrolled by keyboard; what is
// copied of one is TeX.
(function () {
  "use strict";

  const BOXES = ".math .formula, .math.wide > span";

  // at which ends there is more of the formula: the style sheet lets it fade there
  function fade(box) {
    const rest = box.scrollWidth - box.clientWidth;
    const ends = { left: box.scrollLeft > 1, right: rest - box.scrollLeft > 1 };
    for (const end in ends) box.classList.toggle(end, ends[end]);
    box.classList.toggle("goes-on", rest > 1);
  }

  function reachable(box) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "Formula, wider than the page");
    } else if (box.tabIndex === 0) {
      ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
    }
    fade(box);
  }

  function asTeX(event) {
    const selection = document.getSelection();
    if (!selection.rangeCount || !event.clipboardData) return;
    const copy = document.createElement("div");
    copy.append(selection.getRangeAt(0).cloneContents());
    const formulas = copy.querySelectorAll(".math[data-tex]");
    if (!formulas.length) return;
    formulas.forEach(function (formula) {
      const mark = formula.localName === "div" ? "$$" : "$";
      formula.replaceWith(mark + formula.dataset.tex + mark);
    });
    copy.querySelectorAll(".headerlink").forEach((link) => link.remove());
    event.clipboardData.setData("text/plain", copy.textContent);
    event.preventDefault();
  }

  // also told when a fold is opened
  const sizes = new ResizeObserver((changes) => changes.forEach((change) => reachable(change.target)));
  addEventListener("load", () => document.querySelectorAll(BOXES).forEach((box) => sizes.observe(box)));
  document.addEventListener("scroll", (event) => event.target.matches?.(BOXES) && fade(event.target), true);
  document.addEventListener("copy", asTeX);
})();

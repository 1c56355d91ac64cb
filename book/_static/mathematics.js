// A formula that is wider than its place can be scrolled by keyboard; what is copied of one is TeX.
(function () {
  "use strict";

  function reachable() {
    document.querySelectorAll(".math .formula, .math.wide > span").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", "Formula, wider than the page");
      } else if (box.tabIndex === 0) {
        ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
      }
    });
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

  let waiting;
  addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(reachable, 200);
  });
  addEventListener("load", reachable);
  document.addEventListener("copy", asTeX);
})();

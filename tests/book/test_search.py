"""The search finds statements, symbols, functions and phrases, also on pages opened from disk."""

import sys
from urllib.parse import urlencode

import pytest
from miniature import ROOT, TOOLS
from test_pages import browser, is_missing  # noqa: F401, a fixture

sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import readable
from project import Project

HTML = Project(ROOT).html.resolve()
# what is typed, where it must lead, and among how many first results
WANTED = [
    ("Kernel limit", "book/ntk.html#thm-kernel-limit", 1),
    ("theorem 7", "book/coupling.html#thm-coupling", 2),
    ("lambda_0", "book/notation.html#symbol-eta-mathrm-c-2-lambda-0-rho-eta-eta-mathrm-c", 1),
    ("λ0", "book/notation.html#symbol-eta-mathrm-c-2-lambda-0-rho-eta-eta-mathrm-c", 1),
    ("K^(2)", "book/notation.html#symbol-k-k", 1),
    ("taylor_model", "book/api-models.html#taylorlib.expansion.taylor_model", 1),
    ("tl.fit_power_law", "book/api-studies.html#taylorlib.fits.fit_power_law", 1),
    ("edge of stability", "book/glossary.html#term-edge", 1),
    ("the catapult on digits", "book/large-learning-rates.html#the-catapult-on-digits", 1),
    ("hidden neurons", "book/notation.html#symbol-m", 2),
]


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\lambda_0", "λ₀"),
        (r"K^{(2)}", "K^(2)"),
        (r"\hat K_t(x,x')", "K\u0302_t(x, x')"),
        (r"\tfrac\rho4+\frac1{2\pi}", "ρ/4 + 1/(2π)"),
        (r"\sum_ix_ix_j^\top", "∑_i x_i x_j^⊤"),
        (r"m^{-1/2}\big(1+\sqrt d\big)", "m^(-1/2)(1 + √d)"),
        (r"\begin{aligned}a&=b\\c&=\log d\end{aligned}", "a = b; c = log d"),
        (r"\text{cost: \$5}", "cost: 5"),
    ],
)
def test_formula_becomes_text_that_can_be_read(tex, text):
    assert readable.formula(tex) == text


def test_formula_that_cannot_be_parsed_still_gives_words_without_a_backslash():
    assert readable.formula(r"\nonsense{\alpha}+\frac{1") == "nonsense α + frac 1"


@pytest.mark.parametrize("typed", ["lambda_0", "λ0", "λ₀", r"\lambda_{0}", "$\\lambda_0$"])
def test_one_symbol_has_one_key_however_it_is_typed(typed):
    assert readable.key(typed) == readable.formula_key(r"\lambda_0") == "λ0"


def test_symbols_of_a_formula_are_its_letters_with_indices():
    assert readable.symbols(r"f^{(1)}_W+\lambda_{\max}x") == ("fW(1)", "fW", "f(1)", "λmax")


@pytest.fixture(scope="module")
def results(browser):  # noqa: F811
    """For each query the first results: address, title and snippet; and what went wrong."""
    page = browser.new_context(offline=True, service_workers="block").new_page()
    wrong = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("requestfailed", lambda r: wrong.append(r.url) if is_missing(r.url) else None)
    found = {}
    for query, _, _ in WANTED:
        page.goto(f"{(HTML / 'search.html').as_uri()}?{urlencode({'q': query})}")
        page.wait_for_selector("#search-results li a")
        found[query] = page.eval_on_selector_all(
            "#search-results li",
            """items => items.slice(0, 8).map(item => [item.querySelector("a").href,
                 item.querySelector("a").textContent, item.querySelector("p")?.textContent])""",
        )
    return found, wrong


@pytest.mark.browser
@pytest.mark.parametrize(("query", "target", "among"), WANTED)
def test_search_from_the_disk_leads_to_the_anchor(results, query, target, among):
    found, _ = results
    assert f"{HTML.as_uri()}/{target}" in [link for link, _, _ in found[query][:among]]


@pytest.mark.browser
def test_results_carry_snippets_without_tex_and_the_browser_complains_of_nothing(results):
    found, wrong = results
    assert wrong == []
    shown = [one for several in found.values() for one in several]
    assert not [one for one in shown if set("\\$") & set(one[1] + (one[2] or ""))]
    assert sum(bool(one[2]) for one in shown) > 0.9 * len(shown)


@pytest.mark.browser
def test_title_of_a_theorem_is_the_title_of_its_result(results):
    found, _ = results
    assert found["Kernel limit"][0][1] == "Theorem 2 (Kernel limit)"


def test_passages_are_loaded_by_the_search_page_only():
    loading = [p.name for p in HTML.rglob("*.html") if "passages.js" in p.read_text("utf8")]
    assert loading == ["search.html"]
    assert "searchindex.js" not in (HTML / "search.html").read_text("utf8")  # all is in ours
    assert (HTML / "_static" / "passages.js").stat().st_size < 1_200_000

"""Formulas as text that can be read and searched: ``λ₀ ≤ ‖W‖²/√m`` in place of TeX.

docutils turns TeX into MathML, whose tree says what is an index, a fraction or a root.
"""

import re
import unicodedata
from functools import cache
from xml.etree import ElementTree

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

SUPERSCRIPTS = str.maketrans("0123456789-kn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵏⁿ")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SPACED = set("=≠<>≤≥≪≫≈≡∼≃≅∝→←↔↦⇒⇐⇔⟹⟸⟺⟶⟵∈∉⊂⊆∪∩+−±∓×∘∧∨")
ACCENTS = {
    **dict.fromkeys("^ˆ", "\u0302"),
    **dict.fromkeys("¯ˉ‾", "\u0304"),
    **dict.fromkeys("~˜", "\u0303"),
    **dict.fromkeys("˙.", "\u0307"),
    **dict.fromkeys("→⃗", "\u20d7"),
}
ONE = r"\d|\\[a-zA-Z]+|[a-zA-Z]"
SMALL = "[⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉′\u0300-\u036f]"
INDEX = re.compile(r"[_^]\w+$")
SCRIPTED = ("msub", "msup", "msubsup", "munderover")
# What docutils' parser does not know, in words that it does.
SPELLINGS = [
    (re.compile(r"\\[bB]igg?[lrm]?(?![a-zA-Z])"), ""),
    (re.compile(r"\\(?:rm|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])"), ""),
    (re.compile(r"\\([$%&#])"), r"\1"),
    (re.compile(r"\\dots[bcmo]?(?![a-zA-Z])"), r"\\ldots "),
    (re.compile(r"\\iff(?![a-zA-Z])"), r"\\Leftrightarrow "),
    (re.compile(r"\\implies(?![a-zA-Z])"), r"\\Rightarrow "),
    (re.compile(r"\\operatorname\*?(?![a-zA-Z])"), r"\\mathrm"),
    (re.compile(r"\\[td]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(rf"\\frac\s*({ONE})\s*(?=\S)"), r"\\frac{\1}"),
    (re.compile(rf"(\\frac\{{[^{{}}]*\}})\s*({ONE})"), r"\1{\2}"),
    # an accent belongs to its letter only, also where an index follows
    (re.compile(rf"(\\(?:hat|bar|tilde|dot|vec))\s*({ONE})(?![a-zA-Z])"), r"{\1{\2}}"),
]
FOLDED_MARKS = "Mn"
GREEK = {
    unicodedata.name(letter).rsplit(" ", 1)[1].lower().replace("lamda", "lambda"): letter
    for letter in "αβγδεζηθικλμνξοπρστυφχψω"
}
NO_KEY = re.compile(r"[\s_^{}$\\,'′\u2061-\u2064]+")


@cache
def formula(tex: str) -> str:
    """A formula in one line of text, without backslash or dollar."""
    tree = _tree(tex)
    text = _bare(tex) if tree is None else _text(tree)
    text = re.sub(r"\s+", " ", text.replace("\\", "∖").replace("$", "")).strip()
    return re.sub(r"(^|[(\[,;=] ?) ?([-−+±]) ?", r"\1\2", text)


@cache
def symbols(tex: str) -> tuple[str, ...]:
    """The keys of all letters with indices or exponents in a formula, in their order."""
    tree = _tree(tex)
    found = []
    for node in tree.iter() if tree is not None else ():
        children = list(node)
        if _name(node) in SCRIPTED and _name(children[0]) in ("mi", "mover"):
            found.append(key(_text(node, grouped=False)))
            if _name(node) == "msubsup":
                found += [key("".join(_text(c, False) for c in (children[0], children[1])))]
                found += [key("".join(_text(c, False) for c in (children[0], children[2])))]
    return tuple(dict.fromkeys(k for k in found if 1 < len(k) <= 14))


def key(text: str) -> str:
    r"""What a symbol is found by: ``lambda_0``, ``λ₀`` and ``\lambda_{0}`` have the same key."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if unicodedata.category(c) != FOLDED_MARKS)
    plain = re.sub(r"[A-Za-z]+", lambda word: _letter(word[0]), plain)
    return NO_KEY.sub("", plain)


def formula_key(tex: str) -> str:
    """The key of a whole formula."""
    tree = _tree(tex)
    return key(tex if tree is None else _text(tree, grouped=False))


def _letter(word: str) -> str:
    letter = GREEK.get(word.lower(), word)
    return letter.upper() if letter != word and word[0].isupper() else letter


def _tree(tex: str) -> ElementTree.Element | None:
    for pattern, spelling in SPELLINGS:
        tex = pattern.sub(spelling, tex)
    try:
        text = tex2mathml(tex, as_block="\\\\" in tex)
        return ElementTree.fromstring(text.replace("&ApplyFunction;", "\u2061"))
    except (MathError, SyntaxError, IndexError, AttributeError, ElementTree.ParseError):
        return None


def _bare(tex: str) -> str:
    """The words of a formula that docutils cannot read, in their order."""
    words = re.sub(r"\\(begin|end)\{\w+\*?\}|\\[^a-zA-Z]|[{}$&]", " ", tex)
    return re.sub(r"\\([a-zA-Z]+)", lambda m: f" {GREEK.get(m[1], m[1])} ", words)


def _name(node: ElementTree.Element) -> str:
    return node.tag.rsplit("}", 1)[-1]


def _text(node: ElementTree.Element, grouped: bool = True) -> str:
    """A node of MathML as text; `grouped` writes the brackets that a line of text needs."""
    name, children = _name(node), list(node)

    def part(number: int) -> str:
        return _text(children[number], grouped).strip()

    def bracketed(number: int) -> str:
        inner = part(number)
        return f"({inner})" if grouped and not _is_factor(inner) else inner

    if name == "mspace":
        return "" if node.get("width", "").startswith("-") else " "
    if not children:
        text = (node.text or "").strip("\u2062\u2063").replace("\u2061", " ")
        if name == "mo" and grouped and (text in SPACED or (len(text) > 1 and text.isalpha())):
            return f" {text} "
        return f"{text} " if name == "mo" and text in ",;" else text
    if name == "mfrac":
        return f"{bracketed(0)}/{bracketed(1)}"
    if name == "msqrt":
        inner = "".join(_text(child, grouped) for child in children).strip()
        return f"√({inner})" if grouped and not _is_factor(inner) else f"√{inner}"
    if name == "mroot":
        return f"{bracketed(0)}^(1/{part(1)})"
    if name == "munderover" and part(2) in ACCENTS:  # docutils' form of an accent and an index
        return part(0) + ACCENTS[part(2)] + _scripts("msub", children[:2], grouped)
    if name in ("msub", "msup", "msubsup", "munder", "munderover"):
        return part(0) + _scripts(name, children, grouped)
    if name == "mover":
        mark = ACCENTS.get(part(1))
        return f"{part(0)}{mark}" if mark else part(0) + _script("^", part(1))
    if name == "mtr":
        return " ".join(_text(child, grouped).strip() for child in children)
    if name == "mtable":
        return "; ".join(_text(child, grouped).strip() for child in children)
    text = ""
    for child in children:
        following = _text(child, grouped)
        # x_i x_j, since x_ix_j reads like one index
        text += " " if grouped and INDEX.search(text) and following[:1].isalpha() else ""
        text += following
    return text


def _scripts(name: str, children: list[ElementTree.Element], grouped: bool) -> str:
    marks = {"msub": "_", "munder": "_", "msup": "^"}.get(name, "_^")
    inner = [_text(child, grouped).strip() for child in children[1:]]
    pairs = list(zip(marks, inner, strict=True))
    if not grouped:
        return "".join(text for _, text in pairs)
    end = " " if name.startswith("munder") else ""
    return "".join(_script(mark, text) for mark, text in pairs) + end


def _script(mark: str, text: str) -> str:
    """An index or exponent: small digits where Unicode has them, else behind ``_`` or ``^``."""
    if text and set(text) <= {"′", "'"}:
        return text
    text = text.replace("−", "-")
    if mark == "^" and re.fullmatch(r"-?\d|[kn]", text):
        return text.translate(SUPERSCRIPTS)
    if mark == "_" and re.fullmatch(r"\d", text):
        return text.translate(SUBSCRIPTS)
    bracketed = text.startswith(("(", "[")) and text.endswith((")", "]"))
    return mark + (text if _is_single(text) or bracketed else f"({text})")


def _is_single(text: str) -> bool:
    """Whether an index needs no brackets: a number, or letters in one."""
    return bool(re.fullmatch(rf"√?[\w.∞⋆*⊤†]+{SMALL}*", text))


def _is_factor(text: str) -> bool:
    """Whether what stands above or below a fraction needs none: a number or one letter."""
    return bool(re.fullmatch(rf"√?(\d+(\.\d+)?|[^\W\d]){SMALL}*", text))

"""Formulas as a notebook's Markdown can show them."""

import sys

import pytest
from miniature import TOOLS

sys.path.insert(0, str(TOOLS))

import colab_tex


def test_display_keeps_its_lines_and_gets_its_number():
    assert colab_tex.display("a\n=b", "3") == "$$\na\n=b \\tag{3}\n$$"
    assert colab_tex.display("a\n=b", one_line=True) == "$$ a =b $$"


def test_comment_of_tex_does_not_swallow_what_is_joined_to_its_line():
    assert colab_tex.display("a % why\n=b\\% c", one_line=True) == "$$ a =b\\% c $$"


@pytest.mark.parametrize(("formula", "shown"), [("a<b", r"$a\lt b$"), ("a <\nb", r"$a \lt b$")])
def test_smaller_sign_cannot_begin_a_tag(formula, shown):
    assert colab_tex.inline(formula) == shown


def test_bars_in_a_table_do_not_end_the_cell():
    assert colab_tex.inline(r"|x|\le\|y\|", in_table=True) == r"$\vert x\vert \le\Vert y\Vert $"
    assert colab_tex.inline("|x|") == "$|x|$"


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (r"\R^d", r"\mathbb R^d"),
        (r"\norm{\R}", r"\|\mathbb R\|"),  # one in another
        (r"\norm{\norm{x}}", r"\|\|x\|\|"),
        (r"\norm x", r"\|x\|"),
        (r"\Rho", r"\Rho"),  # another command
        (r"\sub{a}{b}", "a_b"),
        (r"\half m", r"\frac12 m"),
        (r"\go m\go_x", r"\to m\to_x"),
    ],
)
def test_macros_are_expanded(formula, shown):
    macros = {
        "R": r"\mathbb R",
        "norm": [r"\|#1\|", 1],
        "sub": ["#1_#2", 2],
        "half": r"\frac12",
        "go": r"\to",
    }
    assert colab_tex.expand(formula, macros) == shown


def test_macros_in_a_circle_are_an_error():
    with pytest.raises(ValueError, match="circle"):
        colab_tex.expand(r"\a", {"a": r"\b", "b": r"\a"})
    with pytest.raises(ValueError, match="not closed"):
        colab_tex.expand(r"\n{x", {"n": ["#1", 1]})

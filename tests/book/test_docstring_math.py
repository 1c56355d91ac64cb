"""Dollar mathematics in docstrings becomes what Sphinx understands."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from docstring_math import to_rst  # noqa: E402


def test_inline_mathematics_becomes_a_role_and_literals_are_left_alone():
    assert to_rst("the norm $B_x>0$ of ``$x``") == "the norm :math:`B_x>0` of ``$x``"


def test_displayed_mathematics_becomes_a_directive_on_one_line():
    text = "Terms\n\n    $$a+\n    b,$$\n\nend"
    assert to_rst(text) == "Terms\n\n    .. math:: a+ b,\n\nend"

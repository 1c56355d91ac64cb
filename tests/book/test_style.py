"""Every rule of the house style finds a made-up slip, and the notebooks in git have none."""

import copy
import sys

import pytest
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

import check_style
import style_numbers
from project import Project
from style_notebook import Notebook

HEADER = """# A chapter

:::{admonition} This chapter
- **You will learn** what a chapter is.
- **You need** nothing.
- **It examines** the house style.
- **Run time** {runtime}`good`
:::"""
PROVED = """:::{prf:theorem} A title
:label: thm-good

It holds.
:::

:::{prf:proof}
By inspection; the slope is 0.5 and the share 25.0 %.
:::"""
EXERCISE = """:::{{exercise}}
:label: ex-{0}

Why?
:::

:::{{solution}} ex-{0}
:class: dropdown

Because of this reason, which is written out in ten words.
:::"""
END = "## Further reading\n\nSee {cite}`bai2020beyond`."
CODE = """values = [0.5, 0.25]
print(values)
assert values[0] == 0.5"""
SHOWN = {
    "image": {"alt": "a straight line from below to above"},
    "figure": {"caption": "A line that rises with slope one.", "name": "fig-good-line"},
}


def cell(kind, name, source, **metadata):
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": source}


def good():
    """A notebook without a slip."""
    exercises = "## Exercises\n\n" + "\n\n".join(EXERCISE.format(i) for i in range(3))
    return [
        cell("markdown", "head", HEADER),
        cell("code", "set-up", "print('ready')", tags=["setup", "hide-cell"]),
        cell("markdown", "text", PROVED),
        cell("code", "number", CODE),
        cell("code", "figure", "plt.show()", mystnb=copy.deepcopy(SHOWN)),
        cell("markdown", "summary", "## What we have learnt\n\nMuch."),
        cell("markdown", "exercises", exercises),
        cell("markdown", "reading", END),
    ]


def found(cells):
    return check_style.of_notebook(Notebook("book/good", cells))


def changed(name, old, new):
    """The good notebook with another text in one cell."""
    cells = good()
    one = next(c for c in cells if c["id"] == name)
    assert old in one["source"]
    one["source"] = one["source"].replace(old, new)
    return cells


def test_good_notebook_has_nothing_to_mend():
    assert found(good()) == []


def test_notebooks_of_the_book_follow_the_house_style():
    assert check_style.of_book(Project(ROOT)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "rules"),
    [
        ("head", "# A chapter", "A chapter", ["title"]),
        ("head", "**You need**", "**Needed**", ["header"]),
        ("head", "`good`", "`bad`", ["run time"]),
        ("summary", "## What we have learnt", "## Summary", ["last sections"]),
        ("reading", "{cite}`bai2020beyond`", "the paper", ["further reading"]),
        ("text", "{prf:proof}", "{note}", ["proofs"]),
        ("text", "0.5", "0.7", ["number in the prose"]),
        ("text", "25.0 %", "26.0 %", ["number in the prose"]),
        ("number", "assert values[0] == 0.5", "0.5", ["assertion"]),
        ("exercises", "{solution} ex-1", "{solution} ex-2", ["solution", "solution"]),
        ("exercises", "{solution} ex-1", "{solution} ex-9", ["solution", "solution"]),
        ("exercises", ":class: dropdown", ":class: open", ["folded solution"] * 3),
        ("exercises", ", which is written out in ten words", "", ["solution in words"] * 3),
        ("figure", "plt.show()", "slider_figure(draw)", ["alternative text"]),
        ("figure", "plt.show()", "ax.loglog(x, y)", ["power law"]),
        ("figure", "plt.show()", "stats.linregress(x, y)", ["power law"]),
    ],
)
def test_slip_is_found_by_its_rule(name, old, new, rules):
    assert [finding.rule for finding in found(changed(name, old, new))] == rules


def test_too_few_exercises_are_counted():
    cells = good()
    cells[6]["source"] = "## Exercises\n\n" + EXERCISE.format(1)
    [finding] = found(cells)
    assert (finding.cell, finding.rule) == ("exercises", "exercises")


@pytest.mark.parametrize(
    ("part", "entry", "rule"),
    [
        ("image", "alt", "alternative text"),
        ("figure", "caption", "caption"),
        ("figure", "name", "name of a figure"),
    ],
)
def test_figure_that_says_nothing_is_found(part, entry, rule):
    cells = good()
    cells[4]["metadata"]["mystnb"][part][entry] = "short"
    assert [finding.rule for finding in found(cells)] == [rule]


def test_outputs_and_wrong_tags_are_found():
    cells = good()
    cells[3]["execution_count"] = 3
    cells[1]["metadata"] = {}
    assert [f.rule for f in found(cells)] == ["set-up cell", "no outputs", "assertion"][:2]


def test_front_page_needs_no_header_and_no_exercises():
    front = Notebook("book/good", [good()[1], good()[3]], is_chapter=False)
    assert check_style.of_notebook(front) == []


def test_number_that_is_listed_with_a_reason_may_stand():
    notebook = Notebook("book/good", changed("text", "0.5", "0.7"))
    assert list(style_numbers.numbers(notebook, {"good": {"0.7": "half of the rest"}})) == []


def test_message_names_notebook_cell_rule_and_remedy():
    [finding] = found(changed("text", "0.5", "0.7"))
    assert str(finding) == (
        "book/good, cell text, number in the prose: assert 0.7 in a code cell, or list it in "
        "style_allowed.toml and say why."
    )

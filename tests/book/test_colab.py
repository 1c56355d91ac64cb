"""Colab notebooks: each construct of MyST on a miniature book."""

import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from miniature import ROOT, TOOLS, make_mini, notebook

sys.path.insert(0, str(TOOLS))

import address
import colab
import colab_address
import colab_check
import colab_inline
import colab_markdown
import colab_twin
import one_sentence
from docutils import nodes
from project import Project

SITE = "https://some-body.github.io/the.book/book"
TEXT = r"""# One

:::{admonition} This page
- **You need** {doc}`two`, {py:func}`mini.taylor` and a * star.
- **Run time** {runtime}`one`.
:::

(sec-first)=
## First things

The equation {eq}`eq-a` and {prf:ref}`thm-a`, {ref}`sec-first`, {cite}`bai2020beyond`, and $a<b$
on a second line. See [the rest](sec-first) or [outside](https://example.org/a_b), `x|y` and
*emphasis* with **weight**; 2 * 3_000 < 5 [sic] costs \$3.

$$
x &= y \\
z
$$ (eq-a)

:::{prf:theorem} A name, with $m$
:label: thm-a

Let

$$
\begin{aligned}
a&=b\\
c&<d .
\end{aligned}
$$ (eq-b)

1. One.
2. Two $x$.
:::

:::{prf:proof}
Obvious from {eq}`eq-b`.

$$
\q
$$
:::

:::{prf:remark}
:nonumber:

No number.
:::

```{dropdown} Proof of $x$ < *all*

:::{prf:proof}
By {prf:ref}`thm-a`.
:::
```

| Sign | Value |
|:--|--:|
| $\|x\|$ | 1 |
| a \| b | `2` |

- An item

  with two paragraphs,

  $$
  i
  $$
- and another.

1\. is no item.

```python
print("fenced")
```

## Exercises

:::{exercise} A riddle
:label: ex-a
Why?
:::

:::{solution} ex-a
:class: dropdown
Because {numref}`fig-line` shows it.
:::

```{note}
A note.
```

```{chapter-map}
one: The first
two: The second <- one
three: The third <- one, two
```
"""
TWO = "# Two\n\n:::{prf:lemma}\n:label: lem-b\nText.\n:::\n"
ENTRY = """@article{bai2020beyond,
  author = {Bai, Yu and Lee, Jason D.}, title = {Beyond}, journal = {A journal}, year = {2020}
}
"""
FIGURE = {
    "tags": ["hide-input"],
    "mystnb": {
        "image": {"alt": "a line"},
        "figure": {"caption": "A *line*, $y=x$.", "name": "fig-line"},
    },
}


def make_book(root, url, text=TEXT):
    make_mini(root, "x = 1\n", "plot()  # with `{doc}`")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n"
        "  - {file: book/one}\n  - {file: book/two}\n  - {file: book/bibliography}\n"
    )
    one = json.loads(notebook("x = 1\n", "plot()  # with `{doc}`", text=text))
    [_, first, second] = one["cells"]
    first["metadata"] = {"tags": ["keep"]}
    first["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    second["metadata"] = FIGURE
    (root / "book" / "one.ipynb").write_text(json.dumps(one))
    (root / "book" / "two.ipynb").write_text(notebook(text=TWO))
    function = "```{eval-rst}\n.. py:function:: mini.taylor(x)\n```\n"
    (root / "book" / "intro.md").write_text(f"# Mini\n\n{'The front. ' * 20}\n\n{function}")
    shutil.copy(ROOT / "book" / "bibliography.md", root / "book" / "bibliography.md")
    (root / "book" / "references.bib").write_text(ENTRY)
    config = root / "_config.yml"
    text = address.LINE.sub(rf"\g<1>{url}", config.read_text("utf8"))
    text = text.replace(
        "    html_math_renderer:",
        "    mathjax3_config: {tex: {macros: {q: 'Q'}}}\n    html_math_renderer:",
    )
    config.write_text(text, "utf8")
    return Project(root)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    project = make_book(tmp_path_factory.mktemp("set"), "https://github.com/Some-Body/the.book")
    colab.make(project)
    return project


def text_of(project, name="one"):
    made = json.loads(colab.twin_of(project, f"book/{name}").read_text("utf8"))
    cells = [c for c in made["cells"] if c["cell_type"] == "markdown"]
    return "\n\n".join("".join(c["source"]) for c in cells)


@pytest.fixture(scope="module")
def text(book):
    return text_of(book)


@pytest.mark.parametrize(
    "shown",
    [
        # where it comes from, below the title
        f"# One\n\n*A notebook of the book* [When are neural networks more powerful than neural "
        f"tangent kernels?]({SITE}/intro.html), *made from* [this page]({SITE}/one.html) *of it.*",
        # admonition, reference to a page, run time
        f"> **This page**\n>\n> - **You need** [Two]({SITE}/two.html), "
        f"[`mini.taylor()`]({SITE}/intro.html#mini.taylor) and a \\* star.",
        "> - **Run time** a minute or two.",
        # references: equation, theorem, section, citation, a link to a label, one to outside
        f"The equation [(1)]({SITE}/one.html#equation-eq-a)",
        f"[Theorem 1]({SITE}/one.html#thm-a)",
        f"[First things]({SITE}/one.html#sec-first)",
        f"[Bai and Lee, 2020]({SITE}/bibliography.html#",
        f"[the rest]({SITE}/one.html#sec-first)",
        "[outside](https://example.org/a_b)",
        # lines are joined, special characters escaped, those of code are not
        r"and $a\lt b$ on a second line",
        "`x|y` and *emphasis* with **weight**",
        r"2 \* 3\_000 \< 5 \[sic\] costs \$3.",
        r"1\. is no item.",
        # displays: numbered, with their lines; in a quote on one line
        "$$\nx &= y \\\\\nz \\tag{1}\n$$",
        "> **Theorem 1 (A name, with $m$)**\n>\n> Let\n>\n> $$ \\begin{aligned} a&=b\\\\ c&\\lt d",
        "\\end{aligned} \\tag{2} $$\n>\n> 1. One.\n> 2. Two $x$.",
        # proofs, with a mark at their end; what is folded
        f"**Proof.** Obvious from [(2)]({SITE}/one.html#equation-eq-b).\n\n$$\nQ\n$$\n\n∎",
        "> **Remark**\n>\n> No number.",
        "<details>\n<summary>Proof of $x$ &lt; <em>all</em></summary>\n\n**Proof.** By [Theorem",
        " ∎\n\n</details>",
        "**Exercise 1 (A riddle)**\n\nWhy?",
        "<details>\n<summary>Solution to Exercise 1 (A riddle)</summary>\n\nBecause [Fig. 1](",
        # tables, lists, code, notes
        "| Sign | Value |\n| :-- | --: |\n| $\\vert x\\vert $ | 1 |\n| a \\| b | `2` |",
        "- An item\n\n  with two paragraphs,\n\n  $$ i $$\n\n- and another.",
        '```python\nprint("fenced")\n```',
        "> **Note**\n>\n> A note.",
        # the map, and the caption below its figure
        f"- [The first]({SITE}/one.html)\n- [The second]({SITE}/two.html), after The first\n"
        "- The third (still to come), after The first and The second",
        "**Fig. 1.** A *line*, $y=x$.",
    ],
)
def test_construct_becomes_markdown(text, shown):
    assert shown in text


def test_numbers_go_on_in_the_next_page_as_in_the_book(book):
    assert "> **Lemma 1**" in text_of(book, "two")


def test_code_stays_and_outputs_go(book):
    made = json.loads(colab.twin_of(book, "book/one").read_text("utf8"))
    nbformat.validate(nbformat.from_dict(made))
    code = [c for c in made["cells"] if c["cell_type"] == "code"]
    source = json.loads(book.notebook("book/one").read_text("utf8"))
    assert colab_twin.code_of(made) == colab_twin.code_of(source)
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert code[0]["metadata"] == {"tags": ["keep"]}
    folded = {"tags": ["hide-input"], "cellView": "form", "jupyter": {"source_hidden": True}}
    assert code[1]["metadata"] == folded
    kinds = [c["cell_type"] for c in made["cells"]]
    assert kinds[-3:] == ["code", "code", "markdown"]  # the caption stands below the figure
    assert len({c["id"] for c in made["cells"]}) == len(made["cells"])


def test_fresh_notebooks_have_no_problem_and_each_kind_of_change_is_noticed(book):
    path, source = colab.twin_of(book, "book/one"), book.notebook("book/one")
    assert colab.check(book) == []
    good, original = path.read_text("utf8"), source.read_text("utf8")
    try:
        path.write_text(good.replace("plot()", "blot()"), "utf8")
        assert [p for p in colab.check(book) if "its code is not that of the source" in p]
        path.write_text(good.replace("> A note.", "> ```{note}"), "utf8")
        assert [p for p in colab.check(book) if "a directive is left" in p]
        path.write_text(good.replace('"cell_type": "code"', '"cell_type": "kode"', 1), "utf8")
        assert [p for p in colab.check(book) if "no valid notebook" in p]
        path.write_text(good, "utf8")
        source.write_text(original.replace("Why?", "Why not?"), "utf8")
        assert [p for p in colab.check(book) if "not up to date" in p]
        path.unlink()
        assert [p for p in colab.check(book) if "there is no Colab notebook" in p]
    finally:
        source.write_text(original, "utf8")
        path.write_text(good, "utf8")


def test_students_notebook_is_copied_byte_for_byte_and_what_it_would_show_raw_is_told(book):
    student = book.out / "assignments" / "set" / "student" / "set.ipynb"
    student.parent.mkdir(parents=True)
    copy = colab.folder(book) / "book" / "assignments" / "set.ipynb"
    try:
        student.write_text(notebook("y = 2", text="# A set\n\nSee {doc}`one`."))
        found = colab.check(book)
        assert [p for p in found if "no copy of it" in p]
        assert [p for p in found if "set.ipynb: a role is left" in p]
        assert colab.copies(book) == {student: copy}
    finally:
        shutil.rmtree(book.out / "assignments")


def test_without_an_address_references_are_words_and_outside_links_stay(tmp_path):
    unset = "https://github.com/-owner-/beyond-ntk"
    text = "# One\n\nSee {doc}`two`, {prf:ref}`lem-b` and [here](https://example.org).\n"
    project = make_book(tmp_path, unset, text=text)
    colab.make(project)
    assert "See Two, Lemma 1 and [here](https://example.org)." in text_of(project)
    assert colab.check(project) == []


def test_reference_that_does_not_resolve_stops_the_work_and_is_shown(tmp_path, capfd):
    text = "# One\n\n{prf:ref}`thm-nowhere`\n"
    project = make_book(tmp_path, "https://github.com/Some-Body/the.book", text=text)
    with pytest.raises(one_sentence.Told, match="mend what is told above"):
        colab.make(project)
    assert "thm-nowhere" in capfd.readouterr().err
    assert not colab.twin_of(project, "book/one").exists()


def test_unknown_kind_of_node_is_an_error_that_names_page_and_text():
    writer = colab_markdown.Writer("book/one", {}, SITE)
    with pytest.raises(colab_inline.UnknownNodeError, match=r"book/one.*line_block.*'verse'"):
        writer.blocks([nodes.line_block("", nodes.line("", "verse"))])
    with pytest.raises(colab_inline.UnknownNodeError, match="superscript"):
        writer.blocks([nodes.paragraph("", "", nodes.superscript("", "2"))])


@pytest.mark.parametrize(
    "raw",
    [
        "see {doc}`ntk`",
        "> {prf:ref}`x`",
        "```{note}",
        "> :::{note}",
        ":::",
        "(label)=",
        "$$ x $$ (eq-a)",
        ":label: a",
        "[a](#b)",
        "[a](ntk.ipynb)",
        "[words]{.class}",
        "See Theorem %s.",
        "% a comment",
    ],
)
def test_markup_of_myst_is_found(raw):
    assert len(colab_check.left_over(f"Some words.\n\n{raw}\n\nMore.")) >= 1


@pytest.mark.parametrize(
    "plain",
    [
        r"$f_{W}$ and $\{x\}(y)=1$, $$ a \tag{1} $$",
        "a dictionary `{doc: 1}` and `f{x}`",
        "$$\na\n$$\n\n(so it is) and [b](https://example.org/#c)",
        "10 % of it; a ratio 1:2:3",
    ],
)
def test_plain_markdown_is_let_through(plain):
    assert colab_check.left_over(plain) == []


@pytest.mark.parametrize(
    ("repository", "site"),
    [
        ("https://github.com/Owner/name", "https://owner.github.io/name"),
        ("https://github.com/Owner/owner.github.io", "https://owner.github.io"),
        ("https://github.com/-owner-/name", colab_address.NOWHERE),
    ],
)
def test_address_of_the_pages(repository, site):
    assert colab_address.of_pages(repository) == site
    assert colab_address.is_known(colab_address.of_page(site, "book/x")) == ("http" in site)


def test_buttons_lead_to_the_branch_that_is_published():
    text = (ROOT / "book" / "_ext" / "launch_buttons.py").read_text("utf8")
    assert f'BRANCH = "{colab_address.BRANCH}"' in text
    assert Path(TOOLS, "colab.py").is_file()

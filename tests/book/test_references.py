"""A broken reference of any kind stops the build and is named; a good one does not."""

import re

import pytest
from bs4 import BeautifulSoup
from miniature import CODE, ROOT, build, make_mini

SENTENCES = "A sentence to fill the page, and another one behind it. " * 3
GOOD = f"""(sec-here)=
# References

{SENTENCES}

$$
x = x
$$ (eq-here)

:::{{prf:theorem}} Here
:label: thm-here
It stands here.
:::

See {{eq}}`eq-here`, {{prf:ref}}`thm-here`, {{ref}}`sec-here`, {{doc}}`one`, {{cite}}`KEY`,
{{py:func}}`taylorlib.expansion.taylor_model` and, in another package, {{py:func}}`jax.linearize`.

```{{eval-rst}}
.. automodule:: taylorlib.expansion
   :members:
```
"""
BROKEN = {
    "py:func": "taylorlib.expansion.no_such_function",
    "py:class": "NoSuchClass",
    "py:mod": "taylorlib.no_such_module",
    "eq": "eq-no-such",
    "prf:ref": "thm-no-such",
    "ref": "sec-no-such",
    "numref": "fig-no-such",
    "doc": "no-such-page",
    "cite": "nobody2000nothing",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The keys of the book's references."""
    return re.findall(
        r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text("utf8"), re.MULTILINE
    )


def test_good_references_of_every_kind_become_links(tmp_path, keys):
    bibliography = f"\n```{{bibliography}}\n:filter: key == '{keys[0]}'\n```\n"
    root = make_mini(tmp_path, CODE, intro=GOOD.replace("KEY", keys[0]) + bibliography)
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    html = (root / "out" / "html" / "book" / "intro.html").read_text("utf8")
    article = BeautifulSoup(html, "html.parser").find("article")
    links = {a["href"].split("#")[-1] for a in article("a", href=True)}
    assert "taylorlib.expansion.taylor_model" in links
    assert {"equation-eq-here", "thm-here", "sec-here", "one.html"} <= links


def test_broken_references_of_every_kind_stop_the_build_and_are_named(tmp_path):
    lines = [f"- {{{role}}}`{target}`" for role, target in BROKEN.items()]
    lines += ["- [a link](#no-such-anchor)", "- [another](no-such-file.md)"]
    intro = f"# References\n\n{SENTENCES}\n\n" + "\n".join(lines) + "\n"
    root = make_mini(tmp_path, CODE, intro=intro)
    done = build(root)
    assert done.returncode != 0
    assert not (root / "out" / "html").exists()
    for target in (*BROKEN.values(), "no-such-anchor", "no-such-file"):
        assert target in done.stderr, f"{target} was not noticed:\n{done.stderr}"

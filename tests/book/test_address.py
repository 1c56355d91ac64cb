"""One place holds the public address; set-up cells, launch buttons and files of text follow it."""

import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from miniature import CODE, ROOT, TOOLS, build, make_mini, notebook
from packaging.requirements import Requirement

sys.path.insert(0, str(TOOLS))

import address
import one_sentence
from project import Project

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
UNSET = "https://github.com/-owner-/beyond-ntk"
SET = "https://github.com/some-body/the.book"
ELSEWHERE = "https://github.com/some-body/the.book-of-tests"
BRANCH = "a-branch"
COLABS_OWN = ["jax", "jaxlib", "matplotlib", "ml_dtypes", "numpy", "scipy"]
COLAB_ALSO_HAS = ["joblib", "pandas", "tqdm"]  # and nothing that the cell installs touches them


@pytest.fixture
def book(tmp_path):
    """Three notebooks as differently formatted as JSON allows, and files of text."""
    root = make_mini(tmp_path, CODE)
    config = root / "_config.yml"
    text = address.LINE.sub(rf"\g<1>{UNSET}", config.read_text("utf8"))
    config.write_text(text.replace("branch: main", f"branch: {BRANCH}"), "utf8")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n"
        "  - {file: book/one}\n  - {file: book/two}\n  - {file: book/three}\n"
    )
    old = 'REPOSITORY = "nowhere"\n"source": ["a trap"]\n# ü'
    parsed = json.loads(notebook(old, 'print("source", \'"source": 1\')'))
    (root / "book" / "one.ipynb").write_text(json.dumps(parsed))  # ASCII, on one line
    listed = json.loads(notebook(old, "x = 1\ny = 2"))
    for cell in listed["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    (root / "book" / "two.ipynb").write_text(
        json.dumps(listed, indent=1, ensure_ascii=False) + "\n", "utf8"
    )
    (root / "book" / "three.ipynb").write_text(json.dumps(parsed, indent=4) + "\n\n")
    (root / "README.md").write_text(f"See {UNSET}, or ({UNSET}.git), not {ELSEWHERE}.\n")
    (root / "CITATION.cff").write_text(f"repository-code: {UNSET}\n")
    return Project(root)


def without_first_code(text):
    """A notebook's text with the source of its first code cell cut out, byte for byte."""
    cells = json.loads(text)["cells"]
    number = next(i for i, c in enumerate(cells) if c["cell_type"] == "code")
    start = [m.end() for m in re.finditer(r'(?<!\\)"source"\s*:\s*', text)][number]
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[:start], text[end:]


def test_set_changes_the_configuration_every_set_up_cell_and_every_text_that_names_it(book):
    address.write(book, SET)
    assert address.read(book.root) == SET
    for page in book.notebooks:
        first = json.loads(book.notebook(page).read_text("utf8"))["cells"][1]
        source = "".join(first["source"])
        assert f'REPOSITORY = "{SET}"\nVERSION = "{BRANCH}"\n' in source
    assert (book.root / "README.md").read_text() == f"See {SET}, or ({SET}.git), not {ELSEWHERE}.\n"
    assert (book.root / "CITATION.cff").read_text() == f"repository-code: {SET}\n"
    assert address.differing(book) == []


def test_set_keeps_every_other_byte(book):
    config = book.root / "_config.yml"
    before = {page: book.notebook(page).read_bytes().decode() for page in book.notebooks}
    lines = config.read_text("utf8").splitlines()
    address.write(book, SET)
    for page, text in before.items():
        after = book.notebook(page).read_bytes().decode()
        assert without_first_code(after) == without_first_code(text)
    changed = [
        (a, b) for a, b in zip(lines, config.read_text("utf8").splitlines(), strict=True) if a != b
    ]
    assert changed == [(f"  url: {UNSET}", f"  url: {SET}")]


def test_setting_it_twice_is_setting_it_once_and_back_again_is_as_before(book):
    address.write(book, UNSET)
    files = [p for p in book.root.rglob("*") if p.is_file()]
    before = {p: p.read_bytes() for p in files}
    address.write(book, SET)
    once = {p: p.read_bytes() for p in files}
    assert once != before
    address.write(book, SET)
    assert {p: p.read_bytes() for p in files} == once
    address.write(book, UNSET)
    assert {p: p.read_bytes() for p in files} == before


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "github.com/a/b",
        "http://github.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/",
        "https://github.com/a/b.git",
        "https://github.com/a/b c",
        'https://github.com/a/b"; import os',
        "https://github.com/a/b\n",
        "https://example.org/a/b",
    ],
)
def test_malformed_address_is_refused_and_nothing_changes(book, malformed):
    before = {p: p.read_bytes() for p in book.root.rglob("*") if p.is_file()}
    with pytest.raises(one_sentence.Told, match="is no address like"):
        address.write(book, malformed)
    assert {p: p.read_bytes() for p in book.root.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("place", ["book/two.ipynb", "README.md", "CITATION.cff"])
def test_check_fails_and_names_the_place_when_one_differs(book, place, monkeypatch, capsys):
    address.write(book, SET)
    monkeypatch.setattr(address, "HERE", book.root)
    monkeypatch.setattr(sys, "argv", ["address.py", "check"])
    assert address.main() == 0
    path = book.root / place
    path.write_text(path.read_text("utf8").replace("some-body", "some-other", 1), "utf8")
    assert address.main() == 1
    assert place.removesuffix(".ipynb") in capsys.readouterr().out


def test_check_fails_when_a_set_up_cell_has_another_step(book):
    address.write(book, SET)
    path = book.notebook("book/one")
    path.write_text(path.read_text().replace("--no-deps", "--pre", 1))
    assert len(address.differing(book)) == 1


def test_every_chapter_begins_with_the_set_up_cell_and_every_text_has_the_address():
    assert address.differing(Project(ROOT)) == []


# --- launch buttons ---


def launch_links(root, page):
    html = (root / "out" / "html" / f"{page}.html").read_text("utf8")
    return [
        a["href"]
        for a in BeautifulSoup(html, "html.parser")("a", href=True)
        if "colab.research.google.com" in a["href"]
    ]


def test_set_address_gives_each_notebook_a_button_to_its_twin_and_the_unset_one_none(tmp_path):
    root = make_mini(tmp_path, CODE)
    assert address.is_unset(address.read(root)) == address.is_unset(address.read(ROOT))
    config = root / "_config.yml"
    text = config.read_text("utf8").replace("branch: main", f"branch: {BRANCH}")
    for url, expected in [
        (UNSET, []),
        # not to the branch of the book, whose sources hold MyST
        (SET, ["https://colab.research.google.com/github/some-body/the.book/blob/colab/"]),
    ]:
        config.write_text(address.LINE.sub(rf"\g<1>{url}", text), "utf8")
        done = build(root)
        assert done.returncode == 0, done.stdout + done.stderr
        assert launch_links(root, "book/one") == [f"{e}book/one.ipynb" for e in expected]
        assert launch_links(root, "book/intro") == []
        assert ("pages get no launch buttons" in done.stdout) == (url == UNSET)
        page = (root / "out/html/book/one.html").read_text("utf8")
        head = BeautifulSoup(page, "html.parser").head
        named = {m["property"]: m["content"] for m in head("meta", property=True)}
        canonical = [link["href"] for link in head("link", rel="canonical")]
        described = [m["content"] for m in head("meta", attrs={"name": "description"})]
        sitemap = root / "out/html/sitemap.xml"
        assert len(described) == 1
        assert (f"{SET}/issues/new?title=Mistake" in page) == (url == SET)
        assert sitemap.is_file() == (url == SET)
        if url == UNSET:
            assert (named, canonical) == ({}, [])
            continue
        pages = "https://some-body.github.io/the.book/"
        assert canonical == [f"{pages}book/one.html"]
        assert named["og:url"] == canonical[0]
        assert named["og:title"] == "One"
        assert named["og:description"] == described[0]
        card = root / "book" / "_static" / "social-card.png"
        assert named.get("og:image") == (f"{pages}_static/{card.name}" if card.is_file() else None)
        listed = re.findall(r"<loc>(.*?)</loc>", sitemap.read_text("utf8"))
        assert listed == [f"{pages}book/intro.html", f"{pages}book/one.html"]


# --- the set-up cell ---


class Recorder:
    """Stands in for `subprocess.run`: keeps the commands, and the constraints pip would read."""

    def __init__(self):
        self.commands, self.constraints = [], []

    def __call__(self, command, check=False):
        assert check, "a failing installation must stop the cell"
        self.commands.append(command)
        if "-c" in command:
            self.constraints.append(Path(command[command.index("-c") + 1]).read_text())
        return subprocess.CompletedProcess(command, 0)


def run_cell(book, monkeypatch, capsys, colab, absent=()):
    """Run the set-up cell, with or without Colab (a stub module), as if `absent` were missing."""
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    recorder, really = Recorder(), importlib.util.find_spec
    monkeypatch.setattr(subprocess, "run", recorder)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else really(name)
    )
    monkeypatch.chdir(book.root)
    exec(compile(address.set_up_cell(book), "set-up cell", "exec"), {})
    return recorder, capsys.readouterr().out


ALL = ["cvxpy", "frozendict", "jaxtyping", "neural_tangents", "optax", "taylorlib"]


def test_cell_does_nothing_outside_of_colab(book, monkeypatch, capsys):
    before = sorted(book.root.iterdir())
    recorder, said = run_cell(book, monkeypatch, capsys, colab=False, absent=ALL)
    assert (recorder.commands, said) == ([], "")
    assert sorted(book.root.iterdir()) == before


def test_cell_never_lets_pip_touch_what_colab_has(book, monkeypatch, capsys):
    address.write(book, SET)
    recorder, said = run_cell(book, monkeypatch, capsys, colab=True, absent=ALL)
    assert len(recorder.commands) == 2  # with dependencies, and without
    own = {f"{name}=={importlib.metadata.version(name)}" for name in COLABS_OWN}
    for command, constraints in zip(recorder.commands, recorder.constraints, strict=True):
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        assert not {"-U", "--upgrade", "--force-reinstall", "--pre"} & set(command)
        # With these constraints pip can neither change one of them nor miss it unnoticed.
        assert set(constraints.split()) == own
        assert not set(names_asked(command)) & set(COLABS_OWN)
    assert sorted(name for c in recorder.commands for name in names_asked(c)) == sorted(ALL)
    assert said.startswith("Installed: ")
    assert all(name in said for name in ALL)


def asked_in(command):
    """What a command asks pip for: all that follows the constraints, options apart."""
    return [part for part in command[command.index("-c") + 2 :] if not part.startswith("-")]


def names_asked(command):
    """The modules that this brings."""
    names = (Requirement(p).name if "git+" not in p else "taylorlib" for p in asked_in(command))
    return [name.replace("-", "_") for name in names]


def test_cell_installs_the_library_from_its_own_address_and_branch_and_by_no_bare_name(
    book, monkeypatch, capsys
):
    address.write(book, SET)
    recorder, _ = run_cell(book, monkeypatch, capsys, colab=True, absent=ALL)
    [[ours, address_asked]] = [
        (c, part) for c in recorder.commands for part in asked_in(c) if "git+" in part
    ]
    assert address_asked == f"git+{SET}@{BRANCH}"
    assert "--no-deps" in ours
    assert not any("taylorlib" in part for c in recorder.commands for part in c)


@pytest.mark.parametrize("absent", [["jaxtyping"], ["optax", "neural_tangents"]])
def test_cell_installs_only_what_is_missing(book, monkeypatch, capsys, absent):
    recorder, said = run_cell(book, monkeypatch, capsys, colab=True, absent=absent)
    asked = [name for c in recorder.commands for name in names_asked(c)]
    assert sorted(asked) == sorted(absent)
    assert all(name in said for name in absent)


def test_cell_with_everything_there_installs_nothing_and_says_so(book, monkeypatch, capsys):
    recorder, said = run_cell(book, monkeypatch, capsys, colab=True)
    assert recorder.commands == []
    assert said == "Installed: nothing, all was there\n"


def test_cell_without_an_address_says_so_before_anything_is_installed(book, monkeypatch, capsys):
    with pytest.raises(RuntimeError, match="no public address yet"):
        run_cell(book, monkeypatch, capsys, colab=True, absent=ALL)


def test_cell_asks_for_what_the_project_asks_for(book, monkeypatch, capsys):
    address.write(book, SET)
    recorder, _ = run_cell(book, monkeypatch, capsys, colab=True, absent=ALL)
    asked = {part for c in recorder.commands for part in asked_in(c) if "git+" not in part}
    [no_deps] = PYPROJECT["tool"]["taylorlib"]["no-deps"]
    project = PYPROJECT["project"]
    known = {*project["dependencies"], *project["optional-dependencies"]["book"], no_deps}
    assert asked <= known
    # What the library needs is either among Colab's own or installed by the cell.
    there = {*COLABS_OWN, *COLAB_ALSO_HAS}
    needed = {text for text in project["dependencies"] if Requirement(text).name not in there}
    assert needed <= asked


def test_pip_refuses_to_change_a_constrained_package(tmp_path):
    """Real pip, on two wheels of three lines each: one asks for a newer version of the other."""
    wheels, target = tmp_path / "wheels", tmp_path / "env"
    wheels.mkdir()
    for name, version, needs in [
        ("numpy", "1.0", ""),
        ("numpy", "2.0", ""),
        ("wants", "1.0", "Requires-Dist: numpy>=2\n"),
    ]:
        tree = tmp_path / "tree"
        info = tree / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (tree / f"{name}.py").write_text("")
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        (info / "METADATA").write_text(head)
        (info / "WHEEL").write_text(
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        (info / "RECORD").write_text("")
        archive = shutil.make_archive(str(tmp_path / "wheel"), "zip", tree)
        Path(archive).rename(wheels / f"{name}-{version}-py3-none-any.whl")
        shutil.rmtree(tree)
    (tmp_path / "constraints.txt").write_text("numpy==1.0\n")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", f"--find-links={wheels}"]
    pip += ["--target", str(target), "--isolated"]
    free = subprocess.run([*pip, "wants"], capture_output=True, text=True)
    assert free.returncode == 0, free.stderr
    held = [*pip, "--upgrade", "-c", str(tmp_path / "constraints.txt"), "wants"]
    assert subprocess.run(held, capture_output=True).returncode != 0

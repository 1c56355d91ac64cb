"""Running notebooks as Colab would: the environment, the kernel, what is told, the branch."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest
from miniature import ROOT, TOOLS, notebook

sys.path.insert(0, str(TOOLS))

import address
import colab
import colab_environment as env
import colab_kernel
import colab_publish
import colab_run
import one_sentence
from project import Project

SET_UP = """import sys
print("Installed:", sys.argv and "google.colab" in sys.modules)"""


def test_a_chapters_set_up_cell_really_installs_and_its_first_cells_run_as_in_colab(capfd):
    """The small part of `make test-colab`: pip and git for real, the packages of this place."""
    problems = colab_run.run([], quick=True, at_once=1)
    assert problems == []
    said = capfd.readouterr().out
    assert "passed" in said
    for name in ("cvxpy", "jaxtyping", "mlxtend", "optax", "taylorlib", "neural_tangents"):
        assert name in said.split("Installed: ")[1]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An environment with the kernel alone, which costs nothing."""
    folder = tmp_path_factory.mktemp("colab") / "environment"
    shipped, env.SHIPPED = env.SHIPPED, ["ipykernel"]
    try:
        return env.lent(folder)
    finally:
        env.SHIPPED = shipped


def test_environment_has_what_was_lent_and_nothing_else(small):
    there = env.versions(small)
    assert there["ipykernel"] == version("ipykernel")
    assert "traitlets" in there  # what the kernel needs
    assert not {"taylorlib", "numpy", "jax", "sphinx"} & set(there)


def test_each_python_of_it_believes_to_be_in_colab_also_in_a_copy(small, tmp_path):
    program = "import sys; print('google.colab' in sys.modules, sys.prefix)"
    for place in (small, env.copy(small, tmp_path / "copy")):
        said = subprocess.check_output([place / "bin/python", "-c", program], text=True).split()
        assert said == ["True", str(place)]


def test_change_of_a_package_that_was_there_is_told_and_a_new_one_is_not():
    before = {"numpy": "2.0", "jax": "0.5", "scipy": "1.0"}
    after = {"numpy": "2.1", "scipy": "1.0", "optax": "0.2"}
    assert env.changed(before, after) == ["numpy: 2.0 became 2.1", "jax: 0.5 became none"]


def run_small(small, tmp_path, *cells, **options):
    path = tmp_path / "one.ipynb"
    path.write_text(notebook(*cells))
    folder = tmp_path / "folder"
    folder.mkdir()
    return colab_kernel.run(path, small, folder, {"FOR_THE_KERNEL": "yes"}, **options)


def test_kernel_is_that_of_the_environment_and_cells_are_timed(small, tmp_path):
    told = []
    where = "import os, sys; print(sys.prefix, os.environ['FOR_THE_KERNEL'], os.getcwd())"
    done = run_small(small, tmp_path, SET_UP, where, after_first=told.append)
    assert done.error == ""
    assert told == ["Installed: True\n"]
    assert done.said[1].split() == [str(small), "yes", str(tmp_path / "folder")]
    assert len(done.seconds) == 2
    assert 0 < done.set_up < 60


def test_failing_cell_ends_the_run_and_is_told(small, tmp_path):
    done = run_small(small, tmp_path, SET_UP, "apples = 3\n1 / 0", "print('not reached')")
    assert "ZeroDivisionError" in done.error
    assert "apples = 3" in done.error
    assert len(done.said) == 1


def test_only_as_many_cells_run_as_are_asked_for(small, tmp_path):
    done = run_small(small, tmp_path, SET_UP, "1 / 0", cells=1)
    assert (done.error, len(done.said)) == ("", 1)


def test_set_up_cell_that_changes_a_package_fails_the_notebook(small, tmp_path, capsys):
    """The cell rewrites the version of a package, as an upgrade would."""
    cell = (
        'print("Installed: nothing")\nimport importlib.metadata as m, os\n'
        'p = m.distribution("traitlets")._path / "METADATA"\ntext = p.read_text()\nos.remove(p)\n'
        'p.write_text(text.replace(f"\\nVersion: ", "\\nVersion: 9", 1))'
    )
    path = tmp_path / "one.ipynb"
    path.write_text(notebook(cell, "print(1)"))
    problems = colab_run.run_one(path, small, tmp_path / "run", {})
    assert len(problems) == 1
    assert problems[0].startswith("one: traitlets: ")
    assert "one: FAILED" in capsys.readouterr().out
    assert env.versions(small)["traitlets"] == version("traitlets")  # the copy was changed


def test_address_leads_git_to_the_folder_and_to_no_server(tmp_path):
    repository = tmp_path / "book"
    repository.mkdir()
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (
        ["init", "-q", "-b", "main"],
        [*author, "commit", "-q", "--allow-empty", "-mx"],
    ):
        subprocess.run(["git", *command], cwd=repository, check=True)
    variables = colab_run.git_takes(repository, tmp_path / "gitconfig")

    def listed(url):
        command = ["git", "ls-remote", url]
        return subprocess.run(command, env=variables, capture_output=True, text=True)

    assert "refs/heads/main" in listed(colab_run.ADDRESS).stdout
    assert "not allowed" in listed("https://github.com/other/book").stderr


def test_branch_is_one_commit_of_the_notebooks_and_nothing_else_moves(tmp_path, monkeypatch):
    root, remote = tmp_path / "book", tmp_path / "remote.git"
    (root / "out" / "colab" / "book").mkdir(parents=True)
    (root / "out" / "colab" / "book" / "one.ipynb").write_text("{}")
    (root / "kept.txt").write_text("in the book")
    (root / ".gitignore").write_text("out\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]

    def git(*command, where=root):
        return subprocess.check_output(["git", *command], cwd=where, text=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git(*author, "commit", "-q", "-m", "book")
    git("init", "-q", "--bare", str(remote))
    before = git("rev-parse", "HEAD"), git("status", "--porcelain")
    monkeypatch.setattr(colab, "check", lambda project: [])
    for text in ("{}", '{"new": 1}'):
        (root / "out" / "colab" / "book" / "one.ipynb").write_text(text)
        colab_publish.publish(Project(root), str(remote))
    assert git("ls-tree", "-r", "--name-only", "colab", where=remote) == "book/one.ipynb\n"
    assert git("show", "colab:book/one.ipynb", where=remote) == '{"new": 1}'
    assert git("rev-list", "--count", "colab", where=remote) == "1\n"
    assert before[0].strip() in git("log", "-1", "--format=%s", "colab", where=remote)
    assert (git("rev-parse", "HEAD"), git("status", "--porcelain")) == before
    monkeypatch.setattr(colab, "check", lambda project: ["one is old"])
    with pytest.raises(one_sentence.Told, match="nothing is published"):
        colab_publish.publish(Project(root), str(remote))


def test_notebooks_import_nothing_that_neither_colab_nor_the_set_up_cell_has():
    """By name here; `make test-colab` sees it by running them."""
    cell = address.set_up_cell(Project(ROOT))
    standard = sys.stdlib_module_names
    colabs = {"jax", "numpy", "scipy", "matplotlib", "pandas", "sklearn", "tqdm", "IPython"}
    for page in Project(ROOT).notebooks:
        cells = json.loads(Project(ROOT).notebook(page).read_text("utf8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        names = {
            line.split()[1].split(".")[0]
            for line in code.splitlines()
            if line.lstrip().startswith(("import ", "from ")) and len(line.split()) > 1
        }
        for name in names - standard - colabs:
            assert f'"{name}": ' in cell, f"{page} imports {name}"

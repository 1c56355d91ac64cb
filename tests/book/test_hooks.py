"""What git checks before a commit runs from the environment alone, and stops a commit."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

import test_all as whole_test

CONFIG = ROOT / ".pre-commit-config.yaml"
REPOSITORIES = yaml.safe_load(CONFIG.read_text("utf8"))["repos"]
HOOKS = {hook["id"]: hook for one in REPOSITORIES for hook in one["hooks"]}
SLIPS = {
    "spelling": ("page.md", f"# A page\n\nIt is {'het'[::-1]} first.\n", "==> the"),
    "markdown": ("page.md", "# A page\n### A section\n\nText.\n", "MD001"),
    "notebooks-stripped": (
        "page.ipynb",
        '{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, '
        '"outputs": [], "source": ""}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n',
        "exit code: 1",
    ),
    "ruff-check": ("one.py", '"""One."""\nimport os\n', "F401"),
    "ruff-format": ("one.py", '"""One."""\n\nx = [ 1 ]\n', "would be reformatted"),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with our hooks, and how to run one over a file."""
    root = tmp_path_factory.mktemp("repository")
    for name in (CONFIG.name, "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(ROOT / ".venv")
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q"], cwd=root, check=True)
    environment = dict(os.environ, PRE_COMMIT_HOME=str(root / ".git" / "home"), NO_COLOR="1")

    def run(hook, name, text):
        (root / name).write_text(text)
        subprocess.run(["git", "add", CONFIG.name, name], cwd=root, check=True)
        command = [sys.executable, "-m", "pre_commit", "run", hook, "--files", name]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        (root / name).unlink()
        return done

    return run


def test_nothing_is_fetched_and_every_tool_is_that_of_the_environment():
    assert [one["repo"] for one in REPOSITORIES] == ["local"]
    for name, hook in HOOKS.items():
        assert hook["language"] == "system", name
        assert hook["entry"].startswith(".venv/bin/"), name


def test_the_part_of_the_whole_test_on_style_runs_all_hooks():
    [command] = whole_test.PARTS["lint"]
    assert command[1:5] == ["-m", "pre_commit", "run", "--all-files"]


def test_every_hook_but_that_of_the_house_style_is_tried_here():
    assert set(HOOKS) == {*SLIPS, "house-style"}  # tests/book/test_style.py tries that one


@pytest.mark.parametrize("hook", SLIPS)
def test_slip_stops_the_commit_and_is_told(repository, hook):
    name, text, told = SLIPS[hook]
    done = repository(hook, name, text)
    assert done.returncode == 1
    assert told in done.stdout


def test_british_spelling_and_a_good_page_pass(repository):
    text = "# A page\n\nIts colour is modelled on the neighbouring centre.\n"
    assert repository("spelling", "page.md", text).returncode == 0
    assert repository("markdown", "page.md", text).returncode == 0

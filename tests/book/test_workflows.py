"""The workflows on GitHub call what the Makefile has, on the Pythons of the lock."""

import re
import tomllib

import pytest
import yaml
from miniature import ROOT

FOLDER = ROOT / ".github" / "workflows"
# YAML 1.1 reads the key `on` as true
WORKFLOWS = {p.stem: yaml.safe_load(p.read_text("utf8")) for p in sorted(FOLDER.glob("*.yml"))}
JOBS = [(w, j) for w, content in WORKFLOWS.items() for j in content["jobs"]]
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))
JOB_KEYS = {
    *("runs-on", "timeout-minutes", "steps", "strategy", "environment", "permissions", "needs"),
    *("if", "env", "name"),
}


def steps(workflow, job):
    return WORKFLOWS[workflow]["jobs"][job]["steps"]


def commands(workflow):
    return [s["run"] for j in WORKFLOWS[workflow]["jobs"] for s in steps(workflow, j) if "run" in s]


def test_there_are_the_three_workflows():
    assert set(WORKFLOWS) == {"ci", "newest", "pages"}


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_job_has_a_machine_a_limit_of_time_and_well_formed_steps(workflow, job):
    content = WORKFLOWS[workflow]["jobs"][job]
    assert set(content) <= JOB_KEYS
    assert content["runs-on"] == "ubuntu-latest"
    assert 0 < content["timeout-minutes"] <= 60
    for step in content["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"uses", "run", "with", "env", "name", "if"}
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
    assert content["steps"][0]["uses"].startswith("actions/checkout@")


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflow_says_when_it_runs_and_writes_no_more_than_it_must(workflow):
    content = WORKFLOWS[workflow]
    assert content[True], "no key `on`"
    writing = {k for k, v in content["permissions"].items() if v == "write"}
    assert writing == ({"pages", "id-token"} if workflow == "pages" else set())


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_make_target_that_is_called_exists(workflow):
    called = {t for c in commands(workflow) for t in re.findall(r"\bmake ([a-z-]+)", c)}
    assert called <= TARGETS


def test_everything_is_tested_as_here_and_the_library_on_every_python_of_the_lock():
    assert "bash .ci/run" in commands("ci")
    assert set(WORKFLOWS["ci"][True]) == {"push", "pull_request"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert project["requires-python"] == ">=3.11"
    [job] = [j for j in WORKFLOWS["ci"]["jobs"].values() if "strategy" in j]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    # without it the other Pythons are not tested once one has failed
    assert job["strategy"]["fail-fast"] is False
    [chosen] = [s["with"]["python-version"] for s in job["steps"] if "with" in s]
    assert chosen == "${{ matrix.python }}"


def test_newest_versions_are_tried_once_a_week_without_any_cache():
    [schedule] = WORKFLOWS["newest"][True]["schedule"]
    minute, hour, day, month, weekday = schedule["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdigit() for part in (minute, hour, weekday))
    assert "make test-latest" in commands("newest")
    text = (FOLDER / "newest.yml").read_text("utf8")
    assert "actions/cache" not in text
    assert "cache:" not in text
    for job in WORKFLOWS["newest"]["jobs"]:
        for step in steps("newest", job):
            if "run" in step:
                assert step["env"]["PIP_NO_CACHE_DIR"] == "1"


def test_pages_follow_the_address_of_the_repository_that_publishes_them():
    order = [s["run"] for s in steps("pages", "deploy") if "run" in s]
    [setting] = [i for i, c in enumerate(order) if "address.py set" in c]
    assert "$GITHUB_REPOSITORY" in order[setting]
    assert setting < order.index("make book")
    [upload] = [s for s in steps("pages", "deploy") if "upload-pages" in s.get("uses", "")]
    # with the slash, since out/html is a link to the newest build
    assert upload["with"]["path"] == "out/html/"


def test_notebooks_for_colab_are_made_with_the_address_and_only_their_job_may_write_a_branch():
    job = WORKFLOWS["pages"]["jobs"]["colab"]
    assert job["permissions"] == {"contents": "write"}
    order = [step["run"] for step in job["steps"] if "run" in step]
    [setting] = [i for i, c in enumerate(order) if "address.py set" in c]
    publishing = next(i for i, c in enumerate(order) if "colab_publish.py" in c)
    assert setting < order.index("make assignments") < order.index("make colab") < publishing
    assert "permissions" not in WORKFLOWS["pages"]["jobs"]["deploy"]


def test_notebooks_for_colab_are_run_with_the_newest_packages_once_a_week():
    assert "make test-colab" in commands("newest")

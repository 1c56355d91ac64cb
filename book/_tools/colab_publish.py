"""Put `out/colab` on the branch `colab` of a remote, as its only commit.

python book/_tools/colab_publish.py [REMOTE]     (`origin` if nothing is said)

The working tree, the index and the present branch stay as they are: the commit is made from files
alone. Nothing is published that `colab.py --check` finds fault with.
"""

import os
import subprocess
import sys
import tempfile

import colab
import colab_address
import one_sentence
from project import HERE, Project


def publish(project: Project, remote: str) -> str:
    """Commit and push; the name of the commit."""
    problems = colab.check(project)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        raise one_sentence.Told(f"{len(problems)} problems (see above): nothing is published.")
    source = _git(project, "rev-parse", "HEAD")
    with tempfile.TemporaryDirectory() as folder:
        aside = {
            "GIT_INDEX_FILE": f"{folder}/index",
            "GIT_WORK_TREE": str(colab.folder(project)),
            "GIT_DIR": _git(project, "rev-parse", "--absolute-git-dir"),
        }
        _git(project, "add", "--all", "--force", ".", **aside)
        tree = _git(project, "write-tree", **aside)
    message = f"Notebooks for Colab, made from {source}"
    commit = _git(project, "commit-tree", tree, "-m", message, **_author())
    _git(project, "push", "--force", remote, f"{commit}:refs/heads/{colab_address.BRANCH}")
    return commit


def _author() -> dict[str, str]:
    who = {"NAME": "The book", "EMAIL": "book@localhost"}
    return {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}


def _git(project: Project, *command: str, **variables: str) -> str:
    where = variables.get("GIT_WORK_TREE", project.root)
    done = subprocess.run(
        ["git", *command],
        cwd=where,
        env=dict(os.environ, **variables),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise one_sentence.Told(f"git {command[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def main() -> int:
    """Read the command line."""
    [remote] = sys.argv[1:] or ["origin"]
    print(f"{publish(Project(HERE), remote)} is the branch {colab_address.BRANCH} of {remote}.")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

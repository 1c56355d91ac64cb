"""Runs the tests of a part against the names of a notebook. Standard library only.

It does what otter's exception-based tests do: a test is a function whose arguments are taken by
name from the notebook, `None` where a name is missing, and `env` is the whole namespace.
"""

import inspect
import json
from collections.abc import Callable

LONGEST_MESSAGE = 300
# First line of the cell of public tests; a title, so that Colab folds the cell.
TESTS_MARK = "# @title Public tests of "


class NoChecks:
    """Stands for `grader` while a submission is graded: its public checks do nothing."""

    def check(self, *_, **__):
        """Nothing: the grader tests by itself."""

    def check_all(self, *_, **__):
        """Nothing."""

    def export(self, *_, **__):
        """Nothing."""


def failures(cases: list[tuple[bool, str]], namespace: dict) -> list[str]:
    """What the failing ones of (hidden, source) say, in one line each."""
    found = []
    for hidden, source in cases:
        scope: dict = {}
        exec(compile(source, "<test>", "exec"), scope)
        test = next(v for k, v in scope.items() if k.startswith("test_") and callable(v))
        try:
            call(test, namespace)
        except Exception as error:
            said = one_line(error)
            found.append(f"{'hidden' if hidden else 'public'} test {test.__name__}: {said}")
    return found


def call(test: Callable, namespace: dict) -> None:
    """Call a test with the names that it asks for."""
    asked = inspect.signature(test).parameters
    test(**{a: namespace if a == "env" else namespace.get(a) for a in asked})


def one_line(error: BaseException) -> str:
    """An error in one line, cut where it is long."""
    try:
        first = str(error).strip().split("\n")[0]
        text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    except Exception:  # an error of the submission whose own text fails
        text = type(error).__name__
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"


def line(**what) -> bytes:
    """A line of the report that the child sends to its guard."""
    return (json.dumps(what) + "\n").encode()

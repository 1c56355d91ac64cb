"""Runs a problem set's model, blank, wrong and alternative answers in one process.

Nothing that one part defines is used by another (`entangled` says where it is), so an answer needs
only its own cell and its own tests, on the names that the model left before that cell.

python book/_tools/assignment_answers.py NAME [PART ...]
"""

import contextlib
import io
import os
import sys
import time
import tomllib
from typing import NamedTuple

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import assignment_master
import assignment_run
import one_sentence
from assignment_master import Master

KINDS = ("wrong", "alternative")


class Answer(NamedTuple):
    """Another answer to one part: `kind` is wrong or alternative."""

    kind: str
    part: str
    name: str
    why: str
    source: str


class Verdict(NamedTuple):
    """What came of an answer: messages of the tests that failed, none for full marks."""

    answer: Answer
    failures: list[str]
    seconds: float

    @property
    def as_it_should(self) -> bool:
        """Whether a wrong answer lost its part and another one did not."""
        return bool(self.failures) == (self.answer.kind in ("wrong", "blank"))


def read(master: Master) -> list[Answer]:
    """The answers beside a master."""
    path = master.path.with_name("answers.toml")
    found = []
    for kind, entries in tomllib.loads(path.read_text("utf8")).items():
        if kind not in KINDS:
            raise one_sentence.Told(f"{path}: [[{kind}]] is none of {KINDS}.")
        for entry in entries:
            part = master.parts.get(entry["question"])
            if part is None:
                raise one_sentence.Told(f"{path}: there is no part {entry['question']!r}.")
            found.append(Answer(kind, part.name, entry["name"], entry.get("why", ""), ""))
            source = _source(path, part.solution, entry)
            found[-1] = found[-1]._replace(source=source)
    return found


def _source(path, solution: str, entry: dict) -> str:
    if "source" in entry:
        return entry["source"].strip("\n")
    if (count := solution.count(entry["old"])) != 1:
        where = f"{path}: {entry['question']}, {entry['name']}"
        raise one_sentence.Told(f"{where}: `old` occurs {count} times in the solution cell.")
    return solution.replace(entry["old"], entry["new"])


def blank(source: str) -> str:
    """A solution cell as the student gets it."""
    from otter.assign.solutions import replace_solutions

    return "\n".join(replace_solutions(source.split("\n"), "python"))


def entangled(master: Master) -> list[str]:
    """Names that one part defines and something else in the notebook reads."""
    wrong = []
    for part in master.parts.values():
        if part.manual:
            continue
        defined = assignment_master.bound_names(part.solution)
        others = [(p or "code outside", s) for p, s in master.cells if p != part.name]
        for other in master.parts.values():
            if other.name != part.name:
                others += [(other.name, case.source) for case in other.cases]
        for where, source in others:
            both = defined & assignment_master.used_names(source)
            both -= assignment_master.bound_names(source)
            wrong += [f"{where} uses {n}, which {part.name} defines" for n in sorted(both)]
    return wrong


def try_all(master: Master, parts: list[str] = ()) -> list[Verdict]:
    """Model, blank and every answer of the parts (all by default), each with its own tests."""
    answers = read(master)
    namespace: dict = {"__name__": "__main__"}
    verdicts = []
    for part, source in master.cells:
        before = dict(namespace)
        start = time.perf_counter()
        error = execute(source, namespace)
        if part is None or master.parts[part].manual:
            if error:
                raise one_sentence.Told(f"{master.path}: a cell fails: {error}\n{source}")
            continue
        if parts and part not in parts:
            continue
        model = Answer("model", part, "model solution", "", source)
        found = ([error] if error else []) + tests(master, part, namespace)
        verdicts.append(Verdict(model, found, time.perf_counter() - start))
        mine = [a for a in answers if a.part == part]
        for answer in [Answer("blank", part, "blank", "", blank(source)), *mine]:
            start, scope = time.perf_counter(), dict(before)
            error = execute(answer.source, scope)
            found = tests(master, part, scope)
            if error and answer.kind != "blank":
                found = [f"the cell fails: {error}", *found]
                if answer.kind == "wrong":
                    raise one_sentence.Told(f"{part}, {answer.name}: the cell fails: {error}")
            verdicts.append(Verdict(answer, found, time.perf_counter() - start))
    return verdicts


def execute(source: str, namespace: dict) -> str | None:
    """Run a cell; the error in one line, if there is one. What it prints is dropped."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "<cell>", "exec"), namespace)
    except Exception as error:
        return assignment_run.one_line(error)
    return None


def tests(master: Master, part: str, namespace: dict) -> list[str]:
    """What the failing tests of a part say."""
    with contextlib.redirect_stdout(io.StringIO()):
        return assignment_run.failures(list(master.parts[part].cases), namespace)


def main() -> int:
    """Print what every answer loses."""
    name, *parts = sys.argv[1:] or ["nothing"]
    master = assignment_master.read(name)
    problems = entangled(master)
    print("\n".join(problems))
    start = time.process_time()
    for verdict in try_all(master, parts):
        answer = verdict.answer
        mark = "ok   " if verdict.as_it_should else "WRONG"
        said = verdict.failures[-1] if verdict.failures else "full marks"
        head = f"{mark} {answer.part} {answer.kind:11s} {verdict.seconds:4.1f} s"
        print(f"{head}  {answer.name}: {said}", flush=True)
        if not verdict.as_it_should:
            problems.append(answer.name)
            print("      " + "\n      ".join(verdict.failures))
    print(f"{len(problems)} problems, {time.process_time() - start:.0f} s of CPU")
    return bool(problems)


if __name__ == "__main__":
    one_sentence.run(main)

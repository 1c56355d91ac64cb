"""Grades a class: a folder of submissions, each in a process of its own, into one CSV.

python book/_tools/grade.py NAME FOLDER [--seconds 600] [--memory-mb 4096] [--places 2] [--afresh]

A result is stored as soon as it is there, under a hash of the submission, the tests and the
limits; so a run that was stopped, or is repeated, grades only what is new.
"""

import argparse
import csv
import hashlib
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import assignment_master
import grade_limits
import grade_submission
import one_sentence
import safely
from assignment_master import Master
from grade_limits import Limits
from project import HERE

OUT = HERE / "out" / "grades"
PROGRAMS = (
    "grade_child.py",
    "grade_guard.py",
    "grade_limits.py",
    "grade_submission.py",
    "assignment_run.py",
)
LAST_COLUMNS = ("total", "out_of", "status", "reason", "seconds")


class Class:
    """The submissions to one problem set, and where their results are kept."""

    def __init__(self, master: Master, folder: Path, out: Path, limits: Limits):
        self.master, self.folder, self.limits = master, folder, limits
        self.out = out / master.name
        self.parts = [p for p in master.parts.values() if not p.manual]
        self.by_hand = [p for p in master.parts.values() if p.manual]
        self.confinement = grade_limits.confinement()
        programs = b"".join(Path(__file__).with_name(p).read_bytes() for p in PROGRAMS)
        about = json.dumps([[p.name, p.points, p.cases] for p in self.parts]) + repr(limits)
        self.key = hashlib.sha256(about.encode() + programs).hexdigest()
        self.free = list(range(64))  # places, each with a user of its own
        self.lock = threading.Lock()

    def submissions(self) -> list[Path]:
        """All files of the folder, in the order of their names."""
        files = (p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink())
        visible = (p for p in files if not p.name.startswith((".", "._")))
        found = sorted(visible)
        if not found:
            raise one_sentence.Told(f"There is no submission in {self.folder}.")
        return found

    def stored(self, path: Path) -> Path:
        """Where the result of a submission is kept."""
        content = hashlib.sha256(self.key.encode() + path.suffix.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
        return self.out / "results" / f"{content.hexdigest()}.json"

    def grade(self, path: Path) -> dict:
        """Grade one submission, whatever it is; the result has no name of a student."""
        start = time.monotonic()
        try:
            cells = grade_submission.read(path, self.master).cells
            ended = self._guarded(cells)
        except grade_submission.Unreadable as why:
            ended = {"status": why.status, "reason": str(why), "report": []}
        except Exception as error:  # a fault of ours must not end the class
            ended = {"status": "grader-error", "reason": repr(error)[:300], "report": []}
        failures = {line["part"]: line["failures"] for line in ended["report"] if "part" in line}
        if ended["status"] == "graded":
            ended["reason"] = self._remarks(ended["report"])
        return {
            "points": {p.name: p.points * (failures.get(p.name) == []) for p in self.parts},
            "status": ended["status"],
            "reason": ended["reason"],
            "failures": failures,
            "output": ended.get("output", ""),
            "seconds": round(time.monotonic() - start, 1),
        }

    def _guarded(self, cells: list[str]) -> dict:
        with self.lock:
            place = self.free.pop(0)
        try:
            parts = {p.name: p.cases for p in self.parts}
            return grade_limits.guarded(self.confinement, place, self.limits, cells, parts)
        finally:
            with self.lock:
                self.free.insert(0, place)

    def _remarks(self, report: list[dict]) -> str:
        errors = [line for line in report if "error" in line]
        if not errors:
            return ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return f"code cell {errors[0]['at']}: {errors[0]['error']}{more}"

    def table(self, rows: list[tuple[str, dict]]) -> str:
        """The CSV: one row for each submission."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        hand = [f"{p.name} (by hand)" for p in self.by_hand]
        names = [p.name for p in self.parts]
        table.writerow(["submission", *names, *hand, *LAST_COLUMNS])
        for name, result in rows:
            points = [f"{result['points'][n]:g}" for n in names]
            total = f"{sum(result['points'].values()):g}"
            reason = _safe_in_a_spreadsheet(result["reason"])
            last = [total, f"{self.master.points():g}", result["status"], reason]
            cells = [_safe_in_a_spreadsheet(name), *points, *["" for _ in hand], *last]
            table.writerow([*cells, result["seconds"]])
        return text.getvalue()


def _safe_in_a_spreadsheet(text: str) -> str:
    """No formula, no line break: the texts come from strangers."""
    text = " ".join(text.split())
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def run(group: Class, places: int = 2, afresh: bool = False) -> Path:
    """Grade what has no result yet, show progress, write the CSV; returns its path."""
    with safely.only_one(group.out):
        paths = group.submissions()
        stored = {path: group.stored(path) for path in paths}
        pending: dict[Path, Path] = {}  # one of several equal submissions stands for all
        for path, result in stored.items():
            if afresh or not result.is_file():
                pending.setdefault(result, path)
        print(f"{group.master.name}: {len(paths)} submissions, {len(pending)} to grade; ", end="")
        print(group.confinement.described(), flush=True)
        with ThreadPoolExecutor(places) as pool:
            futures = {pool.submit(group.grade, path): path for path in pending.values()}
            try:
                for number, future in enumerate(as_completed(futures), 1):
                    path, result = futures[future], future.result()
                    if result["status"] != "grader-error":
                        safely.write(stored[path], json.dumps(result, indent=1).encode())
                    else:
                        safely.write(
                            stored[path].with_suffix(".error"), json.dumps(result).encode()
                        )
                    _progress(number, len(pending), path.relative_to(group.folder), result)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        rows = []
        for path in paths:
            where = stored[path]
            where = where if where.is_file() else where.with_suffix(".error")
            rows.append((str(path.relative_to(group.folder)), json.loads(where.read_text("utf8"))))
        target = group.out / f"{group.master.name}.csv"
        safely.write(target, group.table(rows).encode())
    return target


def rows(table: Path) -> list[dict]:
    """The rows of a table that was written."""
    with table.open(newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


def _progress(number: int, of: int, name: Path, result: dict) -> None:
    total = sum(result["points"].values())
    said = f" ({result['reason']})" if result["status"] != "graded" else ""
    status = f"{total:g} points, {result['status']}{said}"
    print(f"[{number}/{of}] {name}: {status}, {result['seconds']} s", flush=True)


def main() -> int:
    """Read the command line and grade."""
    default = Limits()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="the problem set, a folder of book/assignments")
    parser.add_argument("folder", type=Path, help="the folder of submissions")
    parser.add_argument("--seconds", type=float, default=default.seconds)
    parser.add_argument("--memory-mb", type=int, default=default.memory >> 20)
    parser.add_argument("--places", type=int, default=2, help="submissions at a time")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--afresh", action="store_true", help="grade again what has a result")
    given = parser.parse_args()
    if not given.folder.is_dir():
        raise one_sentence.Told(f"There is no folder {given.folder}.")
    limits = Limits(seconds=given.seconds, memory=given.memory_mb << 20)
    master = assignment_master.read(given.name)
    group = Class(master, given.folder.resolve(), given.out, limits)
    target = run(group, given.places, given.afresh)
    print(f"The table is {target}.")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

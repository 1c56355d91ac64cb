"""A made-up class: good, wrong, blank, hostile and corrupt submissions, and what must come out.

python book/_tools/grade_made_up.py NAME FOLDER [SECONDS]    (writes them, grades them, compares)
"""

import copy
import io
import json
import re
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import assignment_answers
import assignment_master
import assignments
import grade
import one_sentence
import safely
from assignment_master import Master
from grade_limits import Limits

LIMITS = Limits(
    seconds=60, memory=1500 << 20, printed=5 << 20, file_size=20 << 20, written=50 << 20
)
# Put in front of the second part; what the first part earned must stay.
HOSTILE = {
    "loops-forever": ("timeout", "while True:\n    pass"),
    "crashes-the-kernel": ("crashed", "import ctypes\nctypes.string_at(0)"),
    "leaves-the-process": ("crashed", "import os\nos._exit(3)"),
    "prints-gigabytes": ("output", "while True:\n    print('x' * 100_000)"),
    "takes-all-memory": (
        "memory",
        "import numpy as np\nkept = []\nwhile True:\n    kept.append(np.ones(10_000_000))",
    ),
    "forks": (
        "processes",
        "import os, time\nfor _ in range(400):\n    if os.fork() == 0:\n        time.sleep(600)\n"
        "time.sleep(600)",
    ),
    "fills-the-disk": (
        "files",
        "for i in range(10_000):\n    open(f'junk{i}', 'wb').write(bytes(5_000_000))",
    ),
}
# These do harm or nonsense and still get what their answers are worth.
HARMLESS = {
    "deletes-its-folder": "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)",
    "leaves-a-process": "import subprocess\nsubprocess.Popen(['sleep', '9876'], "
    "start_new_session=True)",
    "exits": "import sys\nsys.exit(1)",
    "raises": "raise RuntimeError('=1+1, no formula\\nand two lines')",
    "one-huge-array": "import numpy as np\nnp.ones(10**13)",
    "one-huge-file": "open('huge', 'wb').write(bytes(30_000_000))",
    "breaks-print": "import builtins\nbuiltins.print = None",
    "does-not-parse": "def (:",
    "uses-magic": "%matplotlib inline\n!echo shell\nget_ipython()",
}


class Expected(NamedTuple):
    """What the table must say about a submission."""

    status: str
    points: dict[str, float]
    reason: str = ""  # a pattern


class Maker:
    """Makes submissions to one problem set from its student notebook and its answers."""

    def __init__(self, master: Master, student: dict):
        self.master, self.student = master, student
        self.parts = [p for p in master.parts.values() if not p.manual]
        self.model = {p.name: p.solution for p in self.parts}
        self.answers = assignment_answers.read(master)
        self.full = {p.name: p.points for p in self.parts}
        self.none = dict.fromkeys(self.full, 0)

    def notebook(self, answers: dict[str, str], before_second: str = "") -> dict:
        """The student's notebook, filled in; a cell may be put before the second answer."""
        made = copy.deepcopy(self.student)
        cells = []
        for part in self.parts:  # parts that a reader grades may have answer cells, too
            stub = assignment_answers.blank(part.solution).strip()
            cells.append(next(c for c in made["cells"] if c["source"].strip() == stub))
            cells[-1]["source"] = answers.get(part.name, stub)
        if before_second:
            extra = {**cells[1], "id": "extra", "source": before_second, "metadata": {}}
            made["cells"].insert(made["cells"].index(cells[1]), extra)
        return made

    def made_up(self) -> dict[str, tuple[bytes, Expected]]:
        """All of them by file name."""
        found = {**self._good(), **self._wrong(), **self._harmful()}
        unreadable = self._unreadable()
        return found | {n: (c, Expected(s, self.none, r)) for n, (c, s, r) in unreadable.items()}

    def _good(self) -> dict[str, tuple[bytes, Expected]]:
        good = Expected("graded", self.full)
        model = self.notebook(self.model)
        text = _encoded(model)
        others = {a.part: a.source for a in self.answers if a.kind == "alternative"}
        plain = copy.deepcopy(model)
        del plain["metadata"]["otter"]
        for cell in plain["cells"]:
            cell["metadata"] = {}
        unchecked = copy.deepcopy(model)
        unchecked["cells"] = [c for c in model["cells"] if "grader.check" not in c["source"]]
        return {
            "model.ipynb": (text, good),
            "model again.ipynb": (text, good),
            "alternatives.ipynb": (_encoded(self.notebook({**self.model, **others})), good),
            "without-metadata.ipynb": (_encoded(plain), good),
            "without-checks.ipynb": (_encoded(unchecked), good),
            "with-mark.ipynb": (b"\xef\xbb\xbf" + text, good),
            "model.zip": (_zip({"work/model.ipynb": text, "__MACOSX/._model.ipynb": b"x"}), good),
            "nested.zip": (_zip({"a/b.zip": _zip({"c/model.ipynb": text})}), good),
            "with-another.zip": (_zip({"model.ipynb": text, "notes.ipynb": _other()}), good),
        }

    def _wrong(self) -> dict[str, tuple[bytes, Expected]]:
        wrong = {a.part: a for a in self.answers if a.kind == "wrong"}
        everything = {part: a.source for part, a in wrong.items()}
        found = {
            "blank.ipynb": (_encoded(self.notebook({})), Expected("graded", self.none)),
            "all-wrong.ipynb": (
                _encoded(self.notebook(everything)),
                Expected("graded", self.none),
            ),
        }
        for part, answer in wrong.items():
            content = _encoded(self.notebook({**self.model, part: answer.source}))
            left = {**self.full, part: 0}
            found[f"wrong-{part}.ipynb"] = (content, Expected("graded", left))
        return found

    def _harmful(self) -> dict[str, tuple[bytes, Expected]]:
        first = self.parts[0].name
        kept = {**self.none, first: self.full[first]}
        found = {}
        for name, (status, source) in HOSTILE.items():
            content = _encoded(self.notebook(self.model, source))
            found[f"{name}.ipynb"] = (content, Expected(status, kept, r"code cell \d+|printed"))
        for name, source in HARMLESS.items():
            content = _encoded(self.notebook(self.model, source))
            found[f"{name}.ipynb"] = (content, Expected("graded", self.full))
        last = self.parts[-1].name
        endless = {**self.model, last: self.model[last] + "\nwhile True:\n    pass"}
        content = _encoded(self.notebook(endless))
        left = {**self.full, last: 0}
        found["loops-in-the-last.ipynb"] = (content, Expected("timeout", left, "code cell"))
        return found

    def _unreadable(self) -> dict[str, tuple[bytes, str, str]]:
        text = _encoded(self.notebook(self.model))
        zipped = _zip({"model.ipynb": text})
        other = copy.deepcopy(self.student)
        other["metadata"]["otter"]["assignment_name"] = "another-set"
        deep = text
        for depth in range(5):
            deep = _zip({"deep.zip" if depth else "model.ipynb": deep})
        two = _zip({"a.ipynb": text, "b.ipynb": text})
        bad = "unreadable"
        return {
            "empty.ipynb": (b"", bad, "empty"),
            "corrupt.zip": (zipped[: len(zipped) // 2], bad, "damaged"),
            "flipped.zip": (_flipped(zipped), bad, "damaged|CRC|invalid"),
            "no-notebook.zip": (_zip({"essay.txt": b"text"}), bad, "no notebook"),
            "too-deep.zip": (deep, bad, "deep"),
            "bomb.zip": (_zip({"model.ipynb": bytes(60 << 20)}), bad, "more than"),
            "two.zip": (two, bad, "2 notebooks"),
            "latin.ipynb": (text.replace(b"cells", b"cells\xe9", 1), bad, "not UTF-8"),
            "no-json.ipynb": (b"print('hello')", bad, "no JSON"),
            "a-list.ipynb": (b"[1, 2]", bad, "no list of cells"),
            "no-code.ipynb": (b'{"cells": [], "nbformat": 4}', bad, "no code cell"),
            "essay.pdf": (b"%PDF-1.4", bad, "neither"),
            "another-set.ipynb": (_encoded(other), "wrong-assignment", "another-set"),
            "a-stranger.ipynb": (_other(), "wrong-assignment", "no cell checks"),
        }


def _encoded(notebook: dict) -> bytes:
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def _other() -> bytes:
    cell = {"cell_type": "code", "source": "1 + 1", "metadata": {}, "outputs": []}
    return _encoded({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - b for b in content[middle : middle + 8])
        + content[middle + 8 :]
    )


def maker(name: str, out: Path | None = None) -> Maker:
    """The maker for a problem set, whose student notebook is made first."""
    master = assignment_master.read(name)
    with tempfile.TemporaryDirectory() as scratch:
        assignments.make(master, out or Path(scratch))
        path = assignments.student_path(name, out or Path(scratch))
        student = json.loads(path.read_text("utf8"))
    for cell in student["cells"]:
        cell["source"] = "".join(cell["source"])
    return Maker(master, student)


def differences(rows: list[dict], wanted: dict[str, Expected]) -> list[str]:
    """Where the rows of a table are not as expected."""
    found = [f"no row for {n}" for n in sorted(set(wanted) - {r["submission"] for r in rows})]
    for row in rows:
        expected = wanted.get(row["submission"])
        if expected is None:
            found.append(f"a row for {row['submission']}, which was not handed in")
            continue
        points = {name: float(row[name]) for name in expected.points}
        same = row["status"] == expected.status and points == expected.points
        if not same or not re.search(expected.reason, row["reason"]):
            found.append(f"{row['submission']}: {row}, expected {expected}")
    return found


def main() -> int:
    """Write a class into a folder, grade it and compare."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    limits = LIMITS._replace(seconds=float((sys.argv[3:] or [LIMITS.seconds])[0]))
    made = maker(name).made_up()
    shutil.rmtree(folder, ignore_errors=True)
    for file, (content, _) in made.items():
        safely.write(folder / "submissions" / file, content)
    start = time.monotonic()
    group = grade.Class(
        assignment_master.read(name), folder / "submissions", folder / "grades", limits
    )
    table = grade.run(group)
    wrong = differences(grade.rows(table), {n: e for n, (_, e) in made.items()})
    print(table.read_text("utf8"))
    print(f"{len(made)} submissions in {time.monotonic() - start:.0f} s")
    print("\n".join(wrong) or "Every row is as expected.")
    return bool(wrong)


if __name__ == "__main__":
    one_sentence.run(main)

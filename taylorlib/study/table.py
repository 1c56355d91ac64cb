"""Results as one tidy table: a CSV file, and beside it a JSON file that says where it comes from.

The CSV text is the table. Whoever reads it gets the very numbers that were computed, and two runs
of one study give the same bytes.
"""

import contextlib
import csv
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from taylorlib.study.cache import write_whole
from taylorlib.study.cells import FIELDS
from taylorlib.study.errors import StudyError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "csv_text",
    "frame",
    "provenance_path",
    "read_table",
    "settings_with_a_column",
    "write_table",
]


def csv_text(records: list[dict]) -> str:
    """The table of records in their order: fields of the cell, its settings, what was found.

    A row may give one of the fields anew, as a learning curve does with ``n``.
    """
    lines, columns = [], dict.fromkeys([*FIELDS, *settings_with_a_column(records)])
    for record in records:
        cell = record["cell"]
        settings = {name: v for name, v in cell["settings"].items() if name in columns}
        for row in record["rows"]:
            columns.update(dict.fromkeys(row))
            lines.append({**{name: cell[name] for name in FIELDS}, **settings, **row})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for line in lines:
        writer.writerow([_word(line.get(name)) for name in columns])
    return out.getvalue()


def settings_with_a_column(records: list[dict]) -> list[str]:
    """The settings that are single values; a list, say of sizes, would be repeated in each row."""
    found: dict[str, bool] = {}
    for record in records:
        for name, value in record["cell"]["settings"].items():
            found[name] = found.get(name, True) and not isinstance(value, list | tuple | dict)
    return [name for name, single in found.items() if single]


def frame(text: str) -> "DataFrame":
    """The table for pandas. A missing number is NaN, and every float is the one written."""
    import pandas as pd

    # pandas' own reader gives every float exactly in some versions only.
    columns, *lines = csv.reader(io.StringIO(text))
    values = zip(*lines, strict=True) if lines else [()] * len(columns)
    return pd.DataFrame({n: _column(words) for n, words in zip(columns, values, strict=True)})


def write_table(path: Path, text: str, provenance: dict) -> None:
    """Write the table, and beside it its provenance with its checksum.

    Raises:
        StudyError: If that cannot be done.
    """
    content = text.encode()
    about = {**provenance, "rows": text.count("\n") - 1, "sha256": _sha256(content)}
    write_whole(path, content)
    write_whole(provenance_path(path), (json.dumps(about, indent=1) + "\n").encode())


def read_table(path: Path) -> tuple["DataFrame", dict]:
    """A table and its provenance.

    Raises:
        StudyError: If one of the two files is missing, or the table is not the one that was
            written.
    """
    beside = provenance_path(path)
    try:
        content, about = path.read_bytes(), json.loads(beside.read_bytes())
        expected = about["sha256"]
    except FileNotFoundError as error:
        raise StudyError(
            f"{error.filename} is missing: a table consists of {path.name} and {beside.name}, "
            "which `python -m taylorlib.study table` writes."
        ) from None
    except OSError as error:
        raise StudyError(f"{error.filename} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise StudyError(
            f"{beside} does not give the checksum of the table: it was altered; write both again "
            "with `python -m taylorlib.study table`, or install taylorlib again."
        ) from None
    if _sha256(content) != expected:
        raise StudyError(
            f"{path} is not the table that was computed (its checksum differs): it was altered; "
            "write it again with `python -m taylorlib.study table`, or install taylorlib again."
        )
    return frame(content.decode()), about


def provenance_path(path: Path) -> Path:
    """Where the provenance of a table stands."""
    return path.with_suffix(".json")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _column(words: tuple[str, ...]) -> list:
    """The values of a column: int, float, bool or str, whichever all of it is."""
    missing = "" in words
    for kind in (float,) if missing else (int, float):
        with contextlib.suppress(ValueError):
            # Python reads 1_000 as a number; here it is a name.
            return [kind(word.replace("_", "?") or "nan") for word in words]
    if set(words) <= {"True", "False"}:
        return [word == "True" for word in words]
    return [word or None for word in words]


def _word(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)

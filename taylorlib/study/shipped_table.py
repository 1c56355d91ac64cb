"""The table that comes with the package."""

from pathlib import Path
from typing import TYPE_CHECKING

from taylorlib.study.errors import StudyError
from taylorlib.study.table import read_table

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["shipped"]

TABLES = Path(__file__).with_name("tables")


def shipped(name: str | None = None) -> "DataFrame":
    """The large study of the book, computed once with this engine.

    Args:
        name: Which table; may be left out if there is only one.

    Returns:
        The table, one row for each measurement. Its ``attrs["provenance"]`` says with which
        command, versions and processor it was made.

    Raises:
        StudyError: If there is no such table, or it was altered.

    Examples:
        >>> import taylorlib as tl
        >>> table = tl.study.shipped("sample-complexity")
        >>> table.attrs["provenance"]["command"]
        'python -m taylorlib.study run sample-complexity --jobs 2'
    """
    names = sorted(path.stem for path in TABLES.glob("*.csv"))
    if name is None and len(names) == 1:
        [name] = names
    if name not in names:
        known = ", ".join(names) or "none"
        asked = "say which table" if name is None else f"no table is called {name!r}"
        raise StudyError(f"{asked}: those that come with taylorlib are {known}.")
    table, provenance = read_table(TABLES / f"{name}.csv")
    table.attrs["provenance"] = provenance
    return table

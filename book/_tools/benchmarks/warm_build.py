"""Building the book: executing every notebook afresh, and finding that nothing has changed.

The time afresh is the sum of the times recorded with the executed notebooks in `out/cache`; the
other is that of all that a warm build does: hashing the sources and checking the pages.
"""

from collections.abc import Iterator

import execution_cache
import fingerprint
from check_pages import check
from contest import Contest, Recorded, Way
from project import Project


def contests(quick: bool) -> Iterator[Contest]:
    """One, if every notebook was executed in its present form."""
    project = Project()
    keys = {page: fingerprint.of_execution(project, page) for page in project.notebooks}
    try:
        records = {page: execution_cache.find(project, page, key) for page, key in keys.items()}
    except execution_cache.Damaged:
        return
    if quick or not all(records.values()) or not project.html.is_dir():
        return

    def nothing_changed():
        for page in project.notebooks:
            execution_cache.find(project, page, fingerprint.of_execution(project, page))
        fingerprint.of_pages(project, records)
        check(project)

    ways = {
        "warm": Way(nothing_changed, (), compiled=False),
        "afresh": Recorded(sum(record["seconds"] for record in records.values())),
    }
    yield Contest(f"{len(records)} notebooks", ways, [("afresh", "warm")])

"""Studies: grids of cells computed in parallel, cached, resumable, in one tidy table.

``cells`` says what a cell is, ``registry`` what a learner is, ``grids`` lists the book's studies,
``engine`` runs them, ``table`` holds the results and ``shipped_table`` the one that comes with the
package. ``python -m taylorlib.study --help`` is the command line.
"""

from taylorlib.study.cells import cell, grid
from taylorlib.study.engine import Failure, Outcome, collect, run
from taylorlib.study.errors import CacheWarning, StudyError
from taylorlib.study.grids import GRIDS
from taylorlib.study.registry import learner
from taylorlib.study.shipped_table import shipped
from taylorlib.study.table import read_table, write_table

__all__ = [
    "GRIDS",
    "CacheWarning",
    "Failure",
    "Outcome",
    "StudyError",
    "cell",
    "collect",
    "grid",
    "learner",
    "read_table",
    "run",
    "shipped",
    "write_table",
]

"""The study engine: cells computed by two worker processes, and by one.

Learning curves of the kernel, from an empty cache to the finished table. The workers run already
and have compiled their programs, as in all but the first cells of a study.
"""

import tempfile
from collections.abc import Iterator

import taylorlib as tl

from contest import Contest, Way


def contests(quick: bool) -> Iterator[Contest]:
    """One small study."""
    sizes = {"first": 10, "factor": 1.5, "count": 2} if quick else {"first": 60, "factor": 1.3}
    cells = tl.study.grid(
        "ntk",
        target="power",
        p=2,
        d=[4] if quick else [24],
        seed=range(2 if quick else 12),
        activation="relu",
        **{"count": 14, **sizes},
    )

    def study(jobs):
        with tempfile.TemporaryDirectory() as cache:
            found = tl.study.run(cells, cache=cache, jobs=jobs)
        assert not found.failures, found.failures[0].traceback
        return len(found.table)

    ways = {
        "one worker": Way(study, (1,), compiled=False),
        "two workers": Way(study, (2,), compiled=False),
    }
    yield Contest(f"{len(cells)} cells", ways, [("one worker", "two workers")])

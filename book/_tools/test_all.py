"""The whole test: style, library, every notebook afresh, the pages, the browser, problem sets."""

import os
import subprocess
import sys
import time
from pathlib import Path

import one_sentence
from project import HERE

TOOLS = Path(__file__).parent
# The plugin that runs notebooks takes seconds to import and is no use here, see execute.py.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:nbmake"]
# Tests compile thousands of small programs and run each once or twice, so that most of their time
# is XLA's compilation; without its optimizations a program compiles three times as fast. The same
# tests run with them in `make test-pythons` and `make test-latest`; notebooks have flags of their
# own, see execute.py.
LITTLE_OPTIMIZED = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
# The library's longest tests: thousands of programs of all orders, compiled one by one, and studies
# that are killed and run again.
DEEP = ["taylor_mode", "training", "jet_trust", "expansion", "rademacher", "kernels", "networks"]
DEEP += ["deep_kernel", "hierarchy", "meanfield", "study_command", "study_dask", "study_engine"]
# Each file goes to one process as a whole, since its tests share what they build and compile, in
# this order: the longest first, so that no process is left alone with one at the end.
LONGEST = ["pages", "sentences", "robust", "build", "assignments", "colab_run", "bench", "grade"]
LONGEST += DEEP


def longest_first(folder: Path) -> list[Path]:
    """The files of tests in a folder, those of LONGEST in its order before the others."""
    return sorted(
        folder.glob("test_*.py"),
        key=lambda path: (*(path.stem != f"test_{name}" for name in LONGEST), path.name),
    )


OF_LIBRARY = [*longest_first(HERE / "tests"), HERE / "taylorlib"]
OF_BOOK = longest_first(HERE / "tests" / "book")
# What stands beside the book: hooks, problem sets, grading, slides, print, measured speed; and
# accidents, since each needs a build of its own.
BESIDE = ["assignments", "grade", "slides", "pdf", "speed_page", "bench", "hooks", "robust"]
BESIDE += ["accessibility"]
# What makes the book, on small books of its own: it does not look at the pages.
MAKING = ["sentences", "build", "address", "colab", "colab_run", "colab_tex", "mutants"]


def named(paths: list[Path], names: list[str]) -> list[str]:
    """The files of these subjects, in their order."""
    return [str(path) for path in paths if path.stem.removeprefix("test_") in names]


def others(paths: list[Path], names: list[str]) -> list[str]:
    """All the other files."""
    return [str(path) for path in paths if str(path) not in named(paths, names)]


BY_FILE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
PARTS = {
    # what .pre-commit-config.yaml lists, over all files
    "lint": [[sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]],
    "unit": [[*PYTEST, *BY_FILE, *others(OF_LIBRARY, DEEP)]],
    "book": [[sys.executable, str(TOOLS / "build.py"), "--afresh"]],
    "pages": [[*PYTEST, *BY_FILE, *others(OF_BOOK, [*MAKING, *BESIDE])]],
    # parts of their own: .ci/run has 40 minutes, and .github/workflows/ci.yml jobs for these
    "deep": [[*PYTEST, *BY_FILE, *named(OF_LIBRARY, DEEP)]],
    "tools": [[*PYTEST, *BY_FILE, *named(OF_BOOK, MAKING)]],
    "products": [[*PYTEST, *BY_FILE, *named(OF_BOOK, BESIDE)]],
}


def main() -> int:
    """Run the named parts, or all; stop at the first that fails."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        raise one_sentence.Told(f"No part {sorted(unknown)}; there are {list(PARTS)}.")
    if "lint" in wanted and not (HERE / ".git").exists():
        raise one_sentence.Told(
            "Style is checked on the files that git knows: clone the book with git, or name other "
            f"parts of {list(PARTS)}."
        )
    environment = dict(
        os.environ,
        OMP_NUM_THREADS="1",
        JAX_PLATFORMS="cpu",
        XLA_FLAGS=LITTLE_OPTIMIZED,
        PRE_COMMIT_HOME=str(HERE / "out" / "home" / "pre-commit"),
    )
    for part in wanted:
        start = time.monotonic()
        print(f"== {part}", flush=True)
        for command in PARTS[part]:
            if subprocess.run(command, cwd=HERE, env=environment).returncode:
                print(f"== {part} FAILED", flush=True)
                return 1
        print(f"== {part}: passed in {time.monotonic() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

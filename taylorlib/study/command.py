"""The command line: ``python -m taylorlib.study run|resume|table|plot STUDY``."""

import argparse
import importlib
import os
import sys
import time
import warnings
from pathlib import Path

from taylorlib.study import worker
from taylorlib.study.cells import canonical
from taylorlib.study.engine import Outcome, collect, run
from taylorlib.study.errors import CacheWarning, StudyError
from taylorlib.study.table import provenance_path, read_table, write_table

__all__ = ["main"]

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(words: list[str] | None = None) -> int:
    """Do what the words say.

    Args:
        words: The command's arguments; those of the process if None.

    Returns:
        0; 1 if cells failed or are missing; 2 if the command cannot be done as asked.
    """
    asked = _parser().parse_args(words)
    if words is None and asked.command in ("run", "resume") and asked.jobs in (None, 1):
        _with_one_thread()
    with warnings.catch_warnings():
        warnings.simplefilter("always", CacheWarning)
        usual = warnings.showwarning
        warnings.showwarning = lambda message, category, *rest: (
            _say(str(message)) if category is CacheWarning else usual(message, category, *rest)
        )
        try:
            sys.path.insert(0, os.getcwd())
            for name in asked.modules:
                _load(name)
            return {"run": _run, "resume": _run, "table": _table, "plot": _plot}[asked.command](
                asked
            )
        except StudyError as error:
            _say(str(error))
            return MISUSED
        except KeyboardInterrupt:
            _say("interrupted; what was finished is kept, and `resume` goes on from there.")
            return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m taylorlib.study", description="Run a study, or look at its results."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    help_of = {
        "run": "compute the cells that are not finished, and write the table",
        "resume": "the same, for a study that was begun before",
        "table": "write the table of what is finished, computing nothing",
        "plot": "draw learning curves and numbers of samples needed from the table",
    }
    for name, text in help_of.items():
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("study", help="name of the study, a key of GRIDS")
        one.add_argument("--quick", action="store_true", help="smallest dimensions and seeds only")
        one.add_argument(
            "--import",
            dest="modules",
            action="append",
            default=[],
            metavar="MODULE",
            help="import a module that adds learners and studies of your own",
        )
        if name == "plot":
            one.add_argument("--table", type=Path, help="the table (out/study/STUDY.csv)")
            one.add_argument("--output", type=Path, help="the figure (beside the table, .svg)")
            one.add_argument("--threshold", type=float, default=0.05, help="error to be reached")
            continue
        one.add_argument(
            "--cache",
            type=Path,
            default=Path("out/study/cache"),
            help="directory of finished cells (%(default)s)",
        )
        one.add_argument("--output", type=Path, help="the table (out/study/STUDY.csv)")
        if name != "table":
            where = one.add_mutually_exclusive_group()
            where.add_argument("--jobs", type=int, help="number of processes (1)")
            where.add_argument("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster")
    return parser


def _run(asked: argparse.Namespace) -> int:
    if asked.command == "resume":
        begun = collect(asked.study, cache=asked.cache, quick=asked.quick)
        if not begun.reused:
            raise StudyError(
                f"nothing of the study {asked.study!r} is in the cache {asked.cache}, so there is "
                "nothing to resume: start it with `run`, or name its cache with --cache."
            )
    start = time.monotonic()
    found = run(
        asked.study,
        cache=asked.cache,
        jobs=1 if asked.jobs is None else asked.jobs,
        dask=asked.dask,
        quick=asked.quick,
        progress=True,
    )
    minutes = (time.monotonic() - start) / 60
    print(
        f"{asked.study}: {found.computed} cells computed in {minutes:.1f} minutes, {found.reused} "
        f"from the cache, {len(found.failures)} failed."
    )
    _write(asked, found)
    report = _output(asked).with_suffix(".failures.txt")
    report.unlink(missing_ok=True)
    if not found.failures:
        return 0
    lines = [f"{canonical(f.cell)}\n{f.traceback}" for f in found.failures]
    report.write_text("\n".join(lines), "utf8")
    _say(f"{len(found.failures)} cells failed; their settings and tracebacks are in {report}.")
    return FAILED


def _table(asked: argparse.Namespace) -> int:
    found = collect(asked.study, cache=asked.cache, quick=asked.quick)
    _write(asked, found)
    if found.missing:
        _say(f"{len(found.missing)} cells are not finished yet: `resume` computes them.")
    return FAILED if found.missing else 0


def _plot(asked: argparse.Namespace) -> int:
    from taylorlib.study.plot import draw

    path = asked.table or _output(asked, ".csv", named=False)
    output = asked.output or path.with_suffix(".svg")
    draw(*read_table(path), output, threshold=asked.threshold)
    print(f"Figure: {output}")
    return 0


def _write(asked: argparse.Namespace, found: Outcome) -> None:
    about = {"study": asked.study, "command": _command(asked)} | found.provenance
    path = _output(asked)
    write_table(path, found.text, about)
    print(f"Table: {path}, and {provenance_path(path).name} says where it comes from.")


def _output(asked: argparse.Namespace, suffix: str = ".csv", *, named: bool = True) -> Path:
    name = asked.study + ("-quick" if asked.quick else "")
    return (named and asked.output) or Path("out/study") / f"{name}{suffix}"


def _command(asked: argparse.Namespace) -> str:
    """The command without paths and addresses, which belong to one machine."""
    words = [f"python -m taylorlib.study {asked.command} {asked.study}"]
    words += ["--quick"] * asked.quick
    words += [f"--import {name}" for name in asked.modules]
    if getattr(asked, "jobs", None):
        words.append(f"--jobs {asked.jobs}")
    if getattr(asked, "dask", None):
        words.append("--dask ADDRESS")
    return " ".join(words)


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0] and error.name != name:
            raise
        raise StudyError(
            f"no module is called {name!r}: give a name as in an import statement, and run where "
            "Python finds it."
        ) from None


def _with_one_thread() -> None:
    """Start again with one thread: numpy and JAX read their number when they are loaded."""
    with worker.one_thread():
        wanted = dict(os.environ)
    if os.name == "posix" and any(os.environ.get(k) != wanted[k] for k in worker.ONE_THREAD):
        os.execve(sys.executable, sys.orig_argv, wanted)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

"""Show how fast the library is, as ratios measured in one run (`make bench`).

The comparisons are the files of `benchmarks/`. Nothing here is a test: speed depends on the
machine, which is named with the versions. The numbers also go to `out/bench.json`, and those of
a complete run, all comparisons at their true sizes, to `book/bench.json` as well: it is committed,
and the page `book/speed.md` is made from it.
"""

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import time
from pathlib import Path

import one_sentence
from execute import KERNEL_ENVIRONMENT
from project import Project

PACKAGES = ["jax", "jaxlib", "numpy", "scipy", "neural-tangents"]
FOLDER = Path(__file__).parent / "benchmarks"


def comparisons() -> list[str]:
    """The name of every comparison."""
    return sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))


def machine() -> dict:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf8").splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "busy_cores_at_the_start": round(os.getloadavg()[0], 2),
    }


def versions() -> dict:
    """Python and the packages that matter here."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }


def run(names: list[str], quick: bool) -> dict:
    """Hold every contest of the named comparisons, and print them as they end."""
    # As for the notebooks: one thread. JAX reads this when it is imported, with the first one.
    os.environ.update(KERNEL_ENVIRONMENT, JAX_PLATFORMS="cpu")
    from contest import Limits, hold, in_words

    limits = Limits(seconds=0.0, fewest=3, most=3) if quick else Limits()
    found = {"date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    found |= {"machine": machine(), "versions": versions(), "threads": 1, "quick": quick}
    for what in ("machine", "versions"):
        print(f"{what}: " + ", ".join(f"{k} {v}" for k, v in found[what].items()), flush=True)
    found["comparisons"] = {}
    for name in names:
        start = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        title = module.__doc__.splitlines()[0]
        print(f"{name}: {title}", flush=True)
        held = []
        for contest in module.contests(quick):
            held.append(hold(contest, limits))
            print("\n".join(in_words(held[-1])), flush=True)
        pages = module.pages(quick) if hasattr(module, "pages") else {}
        if not held and not pages:
            print("  nothing to measure here (see the file)", flush=True)
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
        found["comparisons"][name] = {"title": title, "contests": held}
        if pages:
            found["comparisons"][name] |= {"pages": pages, "targets": module.TARGETS}
    return found


def updated(path: Path, found: dict) -> dict:
    """The measurements of a file with those of a later run in their place, dated by themselves."""
    if not path.is_file():
        raise one_sentence.Told(f"There is no {path.name} to update: run make bench first.")
    whole = json.loads(path.read_text("utf8"))
    for name, comparison in found["comparisons"].items():
        later = {"date": found["date"], "machine": found["machine"]}
        whole["comparisons"][name] = {**comparison, "later": later}
    return whole


def main() -> int:
    """Run all comparisons, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(comparisons())}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: tries the programs only")
    parser.add_argument("--update", action="store_true", help="put those named into the page, too")
    parser.add_argument("--json", type=Path, default=Project().out / "bench.json")
    parser.add_argument("--page", type=Path, default=Project().root / "book" / "bench.json")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(comparisons())
    if unknown:
        raise one_sentence.Told(f"No comparison {sorted(unknown)[0]!r}; see {FOLDER}.")
    found = run(arguments.names or comparisons(), arguments.quick)
    written = {arguments.json: found}
    if not arguments.quick and not arguments.names:
        written[arguments.page] = found
    elif arguments.update and not arguments.quick:
        written[arguments.page] = updated(arguments.page, found)
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", "utf8")
        print(f"Written to {path}")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)

"""Execute the notebooks whose outputs are not in the cache, two at a time, with nbmake.

The copies in `out/run` are executed, never the sources. Each notebook is stored as soon as it has
passed, so a build that is killed loses only the notebooks in flight.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import execution_cache
import fingerprint
import one_sentence
import safely
from project import Project

AT_ONCE = 2

KERNEL_ENVIRONMENT = {
    # two kernels share the machine: each computes in one thread, and the same on every machine
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # nothing in a page may depend on the moment or on chance
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    # kernels are those of this environment
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


class Failed(one_sentence.Told):
    """A notebook did not run to its end."""


def execute(project: Project, afresh: bool = False) -> dict[str, str]:
    """Execute what is not in the cache (or everything, `afresh`).

    Returns:
        The cache key of every notebook.

    Raises:
        Failed: If a cell failed; the notebooks that passed are kept.
    """
    keys = {page: fingerprint.of_execution(project, page) for page in project.notebooks}
    wanted = [page for page in keys if afresh or not _in_cache(project, page, keys[page])]
    kept = len(keys) - len(wanted)
    if kept:
        print(f"{kept} of {len(keys)} notebooks are unchanged.", flush=True)
    if wanted:
        # the longest first, so that no long one is left alone at the end; of those that never
        # ran the one with the most to read
        wanted.sort(
            key=lambda page: (
                -execution_cache.last_seconds(project, page),
                -project.notebook(page).stat().st_size,
            )
        )
        _run(project, {page: keys[page] for page in wanted})
    return keys


def _in_cache(project: Project, page: str, key: str) -> bool:
    try:
        return execution_cache.find(project, page, key) is not None
    except execution_cache.Damaged as damage:
        print(f"{damage}: it is executed again.", flush=True)
        return False


def _run(project: Project, keys: dict[str, str]) -> None:
    folder = safely.empty(project.out / "run")  # first, since it may hold what filled the disk
    safely.room_for_a_build(project.out)
    copy_sources(project, folder)
    (folder / "keys.json").write_text(json.dumps(keys))
    (folder / "pytest.ini").write_text("[pytest]\n")  # not the rules of the unit tests
    timeout = project.config.get("execute", {}).get("timeout", 300)
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", str(folder)]
    command += ["-q", "-p", "no:cacheprovider", "-p", "nbmake_progress"]
    command += ["--nbmake", "--overwrite", f"--nbmake-timeout={timeout}"]
    command += ["-n", str(min(AT_ONCE, len(keys))), "--dist", "worksteal", "--maxschedchunk=1"]
    command += [f"{page}.ipynb" for page in keys]
    environment = environment_for_kernels(project)
    environment["BOOK_ROOT"] = str(project.root)
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    process = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    if process.returncode == 2:
        raise KeyboardInterrupt
    missing = [page for page, key in keys.items() if not _in_cache(project, page, key)]
    if process.returncode != 0 or missing:
        safely.raise_if_full(project.out)
        names = ", ".join(missing) or "a notebook"
        raise Failed(f"The build stops: {names} did not run to the end (see above).")
    shutil.rmtree(folder)


def copy_sources(project: Project, folder: Path) -> Path:
    """Copy what the pages are made from: `book/` without tools, and the two YAML files."""
    ignored = shutil.ignore_patterns("_tools", "__pycache__", ".*")
    shutil.copytree(project.root / "book", folder / "book", ignore=ignored)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(project.root / name, folder / name)
    return folder


def environment_for_kernels(project: Project) -> dict[str, str]:
    """The environment variables under which every notebook runs."""
    home = project.out / "home"  # the reader's own start-up files must not change the pages
    environment = dict(os.environ)
    environment.update(KERNEL_ENVIRONMENT)
    environment.update(
        IPYTHONDIR=str(home / "ipython"),
        MPLCONFIGDIR=str(home / "matplotlib"),
        JUPYTER_CONFIG_DIR=str(home / "jupyter"),
        JUPYTER_RUNTIME_DIR=str(home / "runtime"),
    )
    environment.setdefault("JAX_PLATFORMS", "cpu")
    for name in ("ipython", "matplotlib", "jupyter", "runtime"):
        (home / name).mkdir(parents=True, exist_ok=True)
    return environment

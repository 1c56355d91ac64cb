"""Run a notebook from top to bottom in another environment, as its own cells say, and time it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import nbclient
import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

TIMEOUT = 900  # seconds for one cell


class Run(NamedTuple):
    """What came of it.

    Attributes:
        seconds: Of each code cell that ended.
        said: The text that each of them printed.
        set_up: Processor seconds of the first one, which is what it takes on any machine.
        error: The traceback that ended the run, or nothing.
    """

    seconds: list[float]
    said: list[str]
    set_up: float
    error: str


def run(
    path: Path,
    environment: Path,
    folder: Path,
    variables: Mapping[str, str],
    after_first: Callable[[str], None] = lambda said: None,
    cells: int | None = None,
) -> Run:
    """Run a notebook.

    Args:
        path: The notebook; it is not written.
        environment: The Python environment of the kernel.
        folder: Where the kernel runs, and its files lie.
        variables: Environment variables for the kernel.
        after_first: Called with what the first code cell, the set-up, printed.
        cells: How many code cells to run; all by default.

    Returns:
        Times, printed text and the error.
    """
    notebook = nbformat.read(path, 4)
    manager = _manager(environment, folder)
    client = nbclient.NotebookClient(
        notebook, km=manager, timeout=TIMEOUT, resources={"metadata": {"path": str(folder)}}
    )
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"][:cells]
    seconds, said, set_up, error = [], [], 0.0, ""
    options = {"env": _environment(variables), "cwd": str(folder), "stderr": subprocess.DEVNULL}
    options["cleanup_kc"] = True  # end the kernel although it was not nbclient's to start
    with client.setup_kernel(**options):
        for number, index in enumerate(code):
            start = time.monotonic()
            try:
                cell = client.execute_cell(notebook.cells[index], index)
            except nbclient.exceptions.CellExecutionError as failure:
                error = str(failure)
                break
            except (nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError) as e:
                error = f"code cell {number}: {e}"
                break
            seconds.append(time.monotonic() - start)
            said.append("".join(output.get("text", "") for output in cell.outputs))
            if number == 0:
                set_up = sum(psutil.Process(manager.provisioner.process.pid).cpu_times()[:4])
                after_first(said[0])
    return Run(seconds, said, set_up, error)


def _manager(environment: Path, folder: Path) -> AsyncKernelManager:
    specification = folder / "kernels" / "python3"
    specification.mkdir(parents=True, exist_ok=True)
    python = environment / "bin" / "python"
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": "Colab", "language": "python"}
    (specification / "kernel.json").write_text(json.dumps(content))
    specifications = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
    specifications.ensure_native_kernel = False
    manager = AsyncKernelManager(kernel_name="python3")
    manager.kernel_spec_manager = specifications
    return manager


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    dropped = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | dict(variables)

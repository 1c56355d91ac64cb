"""A training run on disk: plain arrays and JSON, written so that it is never half there.

A directory holds

- ``record-000200.npz`` for every evaluation: what was measured at this step,
- ``state-000200.npz``: the arrays from which the run goes on, of the last saved step only,
- ``run.json``: the last saved step, the settings of the run, and the SHA-256 of the state.

Every file is written beside its place, flushed to the disk and then renamed. ``run.json`` comes
last, so that a process killed at any moment leaves a directory that describes a complete step.
The arrays are NumPy's format without pickle: reading a checkpoint runs no code.
"""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Saved", "fingerprint", "load", "save", "write_atomically"]


class Saved(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        step: The number of steps done.
        state: The tree given to ``save``.
        records: The records of all evaluations so far, each ``{name: array}``.
    """

    step: int
    state: Any
    records: list[dict[str, np.ndarray]]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or completely the new one.

    Args:
        path: Where.
        content: What.

    Raises:
        OSError: If the disk is full or not writable; the old file is then still there.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from taylorlib.checkpoints import write_atomically
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "a", b"whole")
        ...     [file.read_bytes() for file in Path(folder).iterdir()]
        [b'whole']
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def fingerprint(*trees: Any) -> str:
    """The SHA-256 of all arrays of some trees, to tell whether a run is the same.

    Args:
        *trees: Trees of arrays.

    Returns:
        Hexadecimal digits.

    Examples:
        >>> import numpy as np
        >>> from taylorlib.checkpoints import fingerprint
        >>> fingerprint(np.zeros(2)) == fingerprint(np.zeros(2)) != fingerprint(np.zeros(3))
        True
    """
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(trees):
        array, kind = _to_plain(leaf)
        digest.update(f"{kind} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def save(
    folder: Path, step: int, state: Any, record: dict[str, np.ndarray], settings: dict
) -> None:
    """Save a step of a run.

    Args:
        folder: Its directory, made if it does not exist.
        step: The number of steps done.
        state: A tree of arrays, random keys among them.
        record: What was measured at this step.
        settings: What identifies the run, of JSON types.

    Raises:
        OSError: If the disk is full or not writable; the step saved before is then still there.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from taylorlib import checkpoints
        >>> with tempfile.TemporaryDirectory() as name:
        ...     checkpoints.save(Path(name), 3, [np.ones(2)], {"loss": np.array(0.5)}, {})
        ...     saved = checkpoints.load(Path(name), [np.zeros(2)], {})
        >>> saved.step, saved.state[0].tolist(), float(saved.records[0]["loss"])
        (3, [1.0, 1.0], 0.5)
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = [_to_plain(leaf) for leaf in jax.tree.leaves(state)]
    content = _archive({f"{i}": array for i, (array, _) in enumerate(plain)})
    write_atomically(folder / f"record-{step:06d}.npz", _archive(record))
    state_file = folder / f"state-{step:06d}.npz"
    write_atomically(state_file, content)
    description = {
        "step": step,
        "settings": settings,
        "kinds": [kind for _, kind in plain],
        "sha256": hashlib.sha256(content).hexdigest(),
        "written by": f"jax {jax.__version__} on {jax.default_backend()}",
    }
    write_atomically(folder / "run.json", json.dumps(description, indent=1).encode())
    for old in folder.glob("state-*.npz"):
        if old != state_file:
            old.unlink()


def load(folder: Path, like: Any, settings: dict) -> Saved | None:
    """Read the last saved step of a run.

    Args:
        folder: Its directory.
        like: A tree of the structure, shapes and dtypes of the state.
        settings: As given to ``save``.

    Returns:
        What was saved, or None if there is nothing yet.

    Raises:
        ValueError: If the run on disk has other settings or another state (both are named), or
            a file is damaged.

    Examples:
        >>> from pathlib import Path
        >>> from taylorlib import checkpoints
        >>> checkpoints.load(Path("no-such-folder"), [], {}) is None
        True
    """
    if not (folder / "run.json").exists():
        return None
    description = json.loads((folder / "run.json").read_text("utf8"))
    _check_settings(folder, description["settings"], json.loads(json.dumps(settings)))
    step = description["step"]
    content = (folder / f"state-{step:06d}.npz").read_bytes()
    if hashlib.sha256(content).hexdigest() != description["sha256"]:
        raise ValueError(f"{folder}/state-{step:06d}.npz is damaged. Delete the directory.")
    arrays = _unarchive(content)
    leaves, tree = jax.tree.flatten(like)
    expected = [(*_to_plain(leaf)[0].shape, _to_plain(leaf)[1]) for leaf in leaves]
    kinds = description["kinds"]
    found = [(*arrays[f"{i}"].shape, kind) for i, kind in enumerate(kinds)]
    if expected != found:
        raise ValueError(
            f"the state in {folder} has arrays {found}, this run has {expected}: another model or "
            "optimizer. Use another directory."
        )
    state = [_from_plain(arrays[f"{i}"], kind) for i, kind in enumerate(kinds)]
    files = sorted(folder.glob("record-*.npz"), key=_step_of)
    records = [_unarchive(file.read_bytes()) for file in files if _step_of(file) <= step]
    return Saved(step, jax.tree.unflatten(tree, state), records)


def _step_of(file: Path) -> int:
    return int(file.stem.split("-")[1])


def _check_settings(folder: Path, found: dict, wanted: dict) -> None:
    differing = [k for k in {**found, **wanted} if found.get(k) != wanted.get(k)]
    if differing:
        name = sorted(differing)[0]
        raise ValueError(
            f"the run in {folder} has {name} = {found.get(name)}, this one {wanted.get(name)}. "
            "Use another directory, or the same settings to go on."
        )


def _archive(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unarchive(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _to_plain(leaf: Any) -> tuple[np.ndarray, str]:
    """An array that NumPy can store by itself, with what it was."""
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf)), f"key {jax.random.key_impl(leaf)}"
    array = np.asarray(leaf)
    kind = array.dtype.name
    # bfloat16 and its relatives are unknown to NumPy's format: keep their bits.
    if not array.dtype.isbuiltin:
        array = array.view(f"u{array.dtype.itemsize}")
    return array, kind


def _from_plain(array: np.ndarray, kind: str) -> Any:
    if kind.startswith("key "):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=kind.removeprefix("key "))
    return array.view(jnp.dtype(kind))

"""Data-parallel training: each device takes its share of every batch.

Parameters and data are copied to all devices, the batch is split along its first axis, and the
compiler adds the sum of the gradients across devices. The program is the same for one device,
for all devices of a host, and for several hosts.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

__all__ = ["check_divisible", "data_mesh", "replicate", "split_batch"]


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """All devices in a row, along an axis named ``data``.

    On one host nothing else is needed. On a cluster, every host runs the same script, which
    calls ``jax.distributed.initialize()`` before anything else; afterwards ``jax.devices()`` are
    those of all hosts, and each host must hold the same data, parameters and batches.

    Args:
        devices: None for all that JAX sees.

    Returns:
        A mesh with one axis.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> tl.sharding.data_mesh(jax.devices()[:1]).shape["data"]
        1
    """
    return Mesh(np.asarray(jax.devices() if devices is None else [*devices]), ("data",))


def replicate(tree: Any, mesh: Mesh | None) -> Any:
    """Copy a tree of arrays to every device of a mesh.

    Args:
        tree: Arrays, the same on every host.
        mesh: None to leave everything where it is.

    Returns:
        The same tree.
    """
    if mesh is None:
        return tree
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def split_batch(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: let each device take a part of the first axis.

    Args:
        tree: Arrays whose first axis is divisible by the number of devices.
        mesh: None to leave everything where it is.

    Returns:
        The same tree.
    """
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec("data")))


def check_divisible(size: int, mesh: Mesh | None, what: str) -> None:
    """Refuse a first axis that can't be split evenly.

    Args:
        size: Its length.
        mesh: The mesh, or None.
        what: Its name, for the message.

    Raises:
        ValueError: If ``size`` is not a multiple of the number of devices.
    """
    if mesh is not None and size % mesh.size:
        raise ValueError(
            f"{what} has size {size}, which is not a multiple of the {mesh.size} devices; choose "
            "another size, or a mesh with fewer devices."
        )

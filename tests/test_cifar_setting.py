"""The setting of the paper runs from an archive in the true format to curves of all orders."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_datasets import Server, archive, fetch, records

import taylorlib as tl
from taylorlib.cifar_setting import _optimizer, shift_and_mirror, train_cnn_thin

# 64 images to train on, in five files, and 8 for the test
FILES = {
    f"data_batch_{i}.bin": records(n, i).tobytes() for i, n in enumerate((13, 13, 13, 13, 12), 1)
}
ARCHIVE = archive({**FILES, "test_batch.bin": records(8, 9).tobytes()})


def test_two_steps_on_images_in_the_true_format(tmp_path):
    with Server(ARCHIVE).running() as url:
        images = fetch(url, tmp_path, ARCHIVE)
    assert images.x.shape == (64, 32, 32, 3)
    setting = {"epochs": 1, "size": 32, "channels": 2, "looks": 1}
    run = train_cnn_thin(images, key=jax.random.key(0), **setting)
    assert [*run.curves] == [1, 2, 3, 4, "full"]
    assert not run.divergences
    full = run.curves["full"]
    for curve in run.curves.values():
        assert curve.steps.tolist() == [0, 2]
        assert np.isfinite(curve.loss).all()
        assert curve.movement[-1] > 0
        # one start and one first batch for all: augmented alike, float32
        assert curve.batch_loss[0] == pytest.approx(full.batch_loss[0], rel=1e-5)
        np.testing.assert_allclose(curve.outputs[0], full.outputs[0], atol=1e-5)
    # The gradients agree at the start, so the first steps do; the second ones differ a little.
    assert all(run.curves[k].cosine[-1] > 0.9 for k in (1, 2, 3, 4))


def test_paper_has_half_a_million_weights_of_variance_one_over_inputs():
    params = tl.cifar_setting.init_cnn_thin(key=jax.random.key(0))
    shapes = [w.shape for w, _ in params]
    assert shapes == [(3, 3, 3, 128), *[(3, 3, 128, 128)] * 3, (128, 10)]
    for weights, biases in params:
        assert not biases.any()
        inputs = math.prod(weights.shape[:-1])
        # Four standard errors of a variance.
        allowed = 4 * math.sqrt(2 / weights.size)
        assert float(jnp.mean(weights**2)) * inputs == pytest.approx(1, abs=allowed)


def test_outputs_are_means_over_the_image_of_four_convolutions():
    params = tl.cifar_setting.init_cnn_thin(key=jax.random.key(1), channels=5)
    params = [(w, b + 0.1 * (i + 1)) for i, (w, b) in enumerate(params)]  # biases that are seen
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype(np.float32)
    h = x.astype(float)
    for weights, bias in params[:-1]:
        around = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2))
        h = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, weights) + bias, 0)
    weights, bias = params[-1]
    expected = h.mean(axis=(1, 2)) @ np.asarray(weights) + np.asarray(bias)
    # float32 through five layers
    np.testing.assert_allclose(tl.cifar_setting.cnn_thin(params, x), expected, atol=1e-5)


def test_augmentation_shifts_by_up_to_four_pixels_and_mirrors_half():
    n, side = 2000, 9
    image = np.arange(1.0, side * side + 1).reshape(side, side)
    x = jnp.asarray(np.tile(image[None, :, :, None], (n, 1, 1, 1)))
    out = np.asarray(shift_and_mirror(jax.random.key(0), x))[..., 0]
    padded = np.pad(image, 4)
    windows = {}
    for i in range(9):
        for j in range(9):
            window = padded[i : i + side, j : j + side]
            windows[window.tobytes()] = (i, j, False)
            windows[window[:, ::-1].tobytes()] = (i, j, True)
    seen = [windows[o.tobytes()] for o in out]
    assert {s[:2] for s in seen} == {(i, j) for i in range(9) for j in range(9)}
    mirrored = np.mean([s[2] for s in seen])
    assert mirrored == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(n))


def test_gradients_are_clipped_at_five_and_the_rate_drops_twice():
    steps, rate = 8, 0.1
    rule = _optimizer(steps)(rate)
    sizes = []
    state = rule.init(jnp.zeros(2))
    for _ in range(steps):
        update, state = rule.update(jnp.array([30.0, 40.0]), state)
        sizes.append(float(jnp.linalg.norm(update)))
    expected = 5 * rate * np.array([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    np.testing.assert_allclose(sizes, expected, rtol=1e-6)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"looks": 0}, {"size": 5}, {"size": 0}])
def test_bad_settings_are_named(change):
    x, y = np.zeros((4, 8, 8, 3), np.float32), np.arange(4)
    settings = {"epochs": 1, "size": 2, "looks": 1, **change}
    with pytest.raises(ValueError, match="size <= 4 images"):
        train_cnn_thin(tl.datasets.Images(x, y, x, y), key=jax.random.key(0), **settings)


def test_network_without_channels_is_refused():
    with pytest.raises(ValueError, match="at least 1, got 0 and 4"):
        tl.cifar_setting.init_cnn_thin(key=jax.random.key(0), channels=0)

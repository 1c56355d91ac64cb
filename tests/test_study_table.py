"""The table of results: its floats, its order, its provenance and its checksum."""

import json
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib.study import shipped_table
from taylorlib.study.table import csv_text, frame
from taylorlib.study.worker import _plain_rows

ROOT = Path(__file__).resolve().parents[1]


def record(rows, **cell):
    return {"cell": tl.study.cell("parabola", **cell), "rows": rows}


def read_back(values):
    rows = _plain_rows([{"value": v} for v in values], set())
    return frame(csv_text([record(rows)]))["value"].to_numpy()


def bits(value):
    return struct.pack("<d", value)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_every_float64_is_read_back_with_all_its_bits(values):
    assert [bits(v) for v in read_back(values)] == [bits(v) for v in values]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_every_float32_is_read_back_and_written_no_longer_than_needed(values):
    single = [np.float32(v) for v in values]
    found = read_back(single)
    assert [bits(float(np.float32(v))) for v in found] == [bits(float(v)) for v in single]
    # Nine significant digits are enough for any float32, and the nearest float64 has up to 17.
    for text in csv_text([record(_plain_rows([{"value": v} for v in single], set()))]).split()[1:]:
        mantissa = text.rsplit(",", 1)[1].split("e")[0]
        assert len(mantissa.replace(".", "").strip("-0")) <= 9


def test_float32_of_jax_is_written_like_that_of_numpy():
    import jax.numpy as jnp

    [row] = _plain_rows({"a": jnp.float32(0.1), "b": np.int64(3), "c": np.True_}, set())
    assert row == {"a": 0.1, "b": 3, "c": True}
    assert [type(v) for v in row.values()] == [float, int, bool]


def test_not_a_number_and_infinity_are_read_back_and_nothing_is_missing_data():
    found = read_back([np.nan, np.inf, -np.inf, None, 1.0])
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, np.nan, 1.0])


def test_columns_have_the_type_of_all_their_values():
    rows = [{"whole": 1, "some": 2, "yes": True, "word": "1_0"}, {"whole": 3, "yes": False}]
    table = frame(csv_text([record(rows, d=4, shift=0.5)]))
    assert list(table) == [*tl.study.cells.FIELDS, "shift", "whole", "some", "yes", "word"]
    assert table["whole"].dtype == np.int64
    assert table["some"].dtype == np.float64
    assert table["yes"].dtype == bool
    assert table["word"][0] == "1_0"
    assert table["n"].isna().all()


def test_rows_follow_the_cells_and_a_row_gives_its_own_n():
    records = [
        record([{"n": n, "e": d * n} for n in (5, 2)], d=d, n=9, sizes=(5, 2)) for d in (3, 1)
    ]
    table = frame(csv_text(records))
    assert table[["d", "n", "e"]].to_numpy().tolist() == [
        [3, 5, 15],
        [3, 2, 6],
        [1, 5, 5],
        [1, 2, 2],
    ]
    assert "sizes" not in table


@pytest.mark.parametrize("rows", [{"shift": 1}, {"learner": 2}, {"a": [1, 2]}, [], "x", [3]])
def test_rows_that_have_no_place_in_a_table_are_refused(rows):
    with pytest.raises((TypeError, ValueError), match="row"):
        _plain_rows(rows, {"learner", "shift"})


def test_table_is_read_back_with_its_provenance(tmp_path):
    text = csv_text([record([{"value": 0.1}], d=3)])
    path = tmp_path / "study.csv"
    tl.study.write_table(path, text, {"command": "c"})
    table, about = tl.study.read_table(path)
    assert table.equals(frame(text))
    assert (about["command"], about["rows"]) == ("c", 1)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda csv, about: csv.write_bytes(csv.read_bytes().replace(b"0.1", b"0.2")), "altered"),
        (lambda csv, about: csv.write_bytes(csv.read_bytes()[:-3]), "altered"),
        (lambda csv, about: csv.unlink(), r"study\.csv is missing"),
        (lambda csv, about: about.unlink(), r"study\.json is missing"),
        (lambda csv, about: about.write_text("{}"), r"study\.json does not give the checksum"),
        (lambda csv, about: about.write_text("{"), r"study\.json does not give the checksum"),
    ],
    ids=["digit", "end", "no table", "no provenance", "no checksum", "no JSON"],
)
def test_altered_table_is_refused_in_one_sentence(tmp_path, spoil, sentence):
    path = tmp_path / "study.csv"
    tl.study.write_table(path, csv_text([record([{"value": 0.1}])]), {})
    spoil(path, path.with_suffix(".json"))
    with pytest.raises(tl.study.StudyError, match=sentence) as told:
        tl.study.read_table(path)
    assert "\n" not in str(told.value)


def test_shipped_table_is_read_with_its_provenance(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_table, "TABLES", tmp_path)
    with pytest.raises(tl.study.StudyError, match=r"say which table.* none"):
        tl.study.shipped()
    tl.study.write_table(tmp_path / "one.csv", csv_text([record([{"value": 1}])]), {"command": "c"})
    assert tl.study.shipped().attrs["provenance"]["command"] == "c"
    tl.study.write_table(tmp_path / "two.csv", csv_text([record([{"value": 2}])]), {})
    assert tl.study.shipped("two")["value"].tolist() == [2]
    for name in (None, "three"):
        with pytest.raises(tl.study.StudyError, match="one, two"):
            tl.study.shipped(name)
    (tmp_path / "one.csv").write_text("learner,value\nparabola,2\n")
    with pytest.raises(tl.study.StudyError, match="altered"):
        tl.study.shipped("one")


def test_tables_of_the_package_are_whole_and_together_under_a_megabyte():
    folder = shipped_table.TABLES
    for path in folder.glob("*.csv"):
        tl.study.read_table(path)
    assert sum(p.stat().st_size for p in folder.glob("*")) < 1_000_000


def test_wheel_holds_the_tables(tmp_path):
    pytest.importorskip("setuptools")
    tables = tmp_path / "taylorlib" / "study" / "tables"
    tables.mkdir(parents=True)
    for package in (tables.parents[1], tables.parent):
        (package / "__init__.py").write_text("")
    for name in ("large.csv", "large.json"):
        (tables / name).write_text("x\n")
    text = (ROOT / "pyproject.toml").read_text("utf8")
    (tmp_path / "pyproject.toml").write_text(re.sub(r"(?m)^(readme|license).*\n", "", text))
    build = "from setuptools.build_meta import build_wheel; build_wheel('out')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    [wheel] = (tmp_path / "out").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"taylorlib/study/tables/large.{kind}" for kind in ("csv", "json")} <= set(names)


def test_provenance_has_no_host_name_and_no_path(tmp_path):
    import socket

    import stand_in_learners  # noqa: F401

    found = tl.study.run(tl.study.grid("parabola", d=[2]), cache=tmp_path)
    text = json.dumps(found.provenance)
    assert {"python", "jax", "numpy", "scipy", "taylorlib", "processor", "cores"} <= set(
        found.provenance["made"][0]
    )
    assert str(tmp_path) not in text
    assert str(ROOT) not in text
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)

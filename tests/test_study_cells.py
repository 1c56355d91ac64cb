"""Cells, grids, and learners with the version of their code."""

import sys

import numpy as np
import pytest
import stand_in_learners  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib.study.cache import key_of
from taylorlib.study.cells import canonical, check_cells
from taylorlib.study.grids import cells_of
from taylorlib.study.registry import code_version, find

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_grid_is_the_product_of_its_axes_with_the_last_running_fastest():
    cells = tl.study.grid("parabola", d=[2, 3], seed=range(2), shift=[0.1, 0.2], pair=(1, 2))
    found = [(c["d"], c["seed"], c["settings"]["shift"]) for c in cells]
    assert found == [(d, s, shift) for d in (2, 3) for s in (0, 1) for shift in (0.1, 0.2)]
    assert {c["settings"]["pair"] for c in cells} == {(1, 2)}


@pytest.mark.parametrize(
    "value",
    [np.int64(3), np.float64(0.5), float("nan"), float("inf"), object(), {1: 2}, {3}, [[len]]],
)
def test_cell_that_is_not_plain_data_is_refused_by_name(value):
    with pytest.raises(
        tl.study.StudyError, match=r"'width' of cell 0 \(parabola\) is .*plain data"
    ):
        tl.study.cell("parabola", width=value)


def test_cells_of_another_form_and_cells_that_occur_twice_are_refused():
    one = tl.study.cell("parabola", d=2)
    with pytest.raises(tl.study.StudyError, match="cell 1 is 3: make it with"):
        check_cells([one, 3])
    with pytest.raises(tl.study.StudyError, match="needs a learner's name"):
        check_cells([one | {"learner": None}])
    with pytest.raises(tl.study.StudyError, match="occurs twice"):
        check_cells([one, dict(reversed(one.items()))])
    with pytest.raises(tl.study.StudyError, match="setting called 'd'"):
        check_cells([one | {"settings": {"d": 4}}])


@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_key_does_not_depend_on_the_order_in_which_settings_are_written(settings):
    one = tl.study.cell("parabola") | {"settings": settings}
    other = dict(reversed(one.items())) | {"settings": dict(reversed(settings.items()))}
    assert key_of(one, "v") == key_of(other, "v")


@pytest.mark.parametrize(
    "change",
    [{"d": 3}, {"d": 2.0}, {"seed": 1}, {"learner": "curve"}, {"settings": {"shift": 0.2}}],
)
def test_key_depends_on_every_part_of_the_cell_and_on_the_version(change):
    one = tl.study.cell("parabola", d=2, shift=0.1)
    assert key_of(one, "v") != key_of(one | change, "v")
    assert key_of(one, "v") != key_of(one, "w")


def test_canonical_text_tells_a_whole_float_from_an_integer():
    assert canonical({"b": 1.0, "a": 1}) == '{"a":1,"b":1.0}'


SOURCE = '''
def learner(cell):
    """One."""
    return {"value": helper(cell)}


def helper(cell):
    return cell["d"] + 1


def bystander():
    return 0
'''


def version_of(monkeypatch, folder, source, depends=("changing:helper",)):
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "changing", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (folder / "changing.py").write_text(source)
    import changing

    return code_version(changing.learner, depends)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"value"', '"other"', False),  # in the learner
        ("+ 1", "+ 2", False),  # in what it depends on
        ("return 0", "return 1", True),  # elsewhere
        ("One.", "Another docstring.", True),
        ("+ 1", "+   1  # a comment", True),
    ],
)
def test_version_changes_with_the_program_alone(monkeypatch, tmp_path, old, new, same):
    before = version_of(monkeypatch, tmp_path, SOURCE)
    after = version_of(monkeypatch, tmp_path, SOURCE.replace(old, new))
    assert (before == after) == same


def test_version_of_a_learner_that_depends_on_a_module_changes_with_all_of_it(
    monkeypatch, tmp_path
):
    before = version_of(monkeypatch, tmp_path, SOURCE, ["changing"])
    changed = SOURCE.replace("return 0", "return 1")
    assert before != version_of(monkeypatch, tmp_path, changed, ["changing"])


def test_unknown_dependencies_learners_and_studies_are_named():
    with pytest.raises(tl.study.StudyError, match=r"depends on 'taylorlib\.kernel'.*correct"):
        code_version(find("parabola").function, ["taylorlib.kernel"])
    with pytest.raises(tl.study.StudyError, match=r"no learner is called 'parable'.*parabola"):
        find("parable")
    with pytest.raises(tl.study.StudyError, match=r"no study is called 'fats'.*fast"):
        cells_of("fats")


def test_two_learners_cannot_have_one_name():
    with pytest.raises(tl.study.StudyError, match="two learners are called 'parabola'"):

        @tl.study.learner("parabola")
        def other(cell):
            return {}


def test_quick_study_has_the_two_smallest_dimensions_and_seeds_of_each_learner():
    few = cells_of("curves", quick=True)
    assert [(c["d"], c["seed"]) for c in few] == [(4, 0), (4, 1), (8, 0), (8, 1)]
    whole = cells_of("curves")
    assert [c for c in whole if c in few] == few

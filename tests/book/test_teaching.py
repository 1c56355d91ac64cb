"""The page for instructors says of the problem sets what their masters say."""

import re
import sys
from collections import defaultdict

import pytest
from miniature import ROOT

sys.path.insert(0, str(ROOT / "book" / "_tools"))

import assignment_master
from project import Project

PAGE = (ROOT / "book" / "teaching.md").read_text("utf8")
SECTIONS = {
    found[1]: section
    for section in re.split(r"\n\(teaching-set-\d\)=\n", PAGE)[1:]
    if (found := re.search(r"Folder `([\w-]+)`", section))
}


def test_page_describes_every_problem_set():
    assert sorted(SECTIONS) == assignment_master.names()


@pytest.mark.parametrize("name", SECTIONS)
def test_points_on_the_page_are_those_of_the_master(name):
    item = r"^- \*\*(?:Question )?(q\d[a-z]|\d)\*\* \((\d+) points(, read)?\)"
    rows = re.findall(item, SECTIONS[name], re.MULTILINE)
    shown = {key: (int(points), bool(read)) for key, points, read in rows}
    wanted = defaultdict(int)
    for part in assignment_master.read(name).parts.values():
        key = part.name if part.name in shown else re.match(r"q(\d)", part.name)[1]
        wanted[key] += part.points
        assert shown[key][1] == part.manual, part.name
    assert {key: points for key, (points, _) in shown.items()} == wanted


@pytest.mark.parametrize("number", range(1, 6))
def test_overview_adds_up(number):
    name = list(SECTIONS)[number - 1]
    parts = assignment_master.read(name).parts.values()
    read = sum(part.points for part in parts if part.manual) or ""
    assert re.search(rf"^\| {number} \| [\d.to ]+ \| 100 \| {read}", PAGE, re.MULTILINE)


def test_page_names_every_chapter():
    chapters = [p for p in Project(ROOT).notebooks if p != Project(ROOT).pages[0]]
    missing = [c for c in chapters if f"{{doc}}`{c.removeprefix('book/')}`" not in PAGE]
    assert missing == []

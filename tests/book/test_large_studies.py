"""What the page on large studies tells its readers to type is what works."""

import re
import shlex
import subprocess
import sys

import pytest
from miniature import ROOT

from taylorlib.study.command import _parser

PAGE = (ROOT / "book" / "large-studies.md").read_text("utf8")
COMMANDS = re.findall(
    r"^python -m taylorlib\.study (.*)$|`python -m taylorlib\.study (.*?)`", PAGE, re.M
)


@pytest.mark.parametrize("command", ["".join(pair) for pair in COMMANDS])
def test_command_of_the_page_is_one(command):
    assert _parser().parse_args(shlex.split(command)).study


def test_study_of_the_page_runs(tmp_path):
    [code] = [c for c in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "GRIDS" in c]
    (tmp_path / "my_study.py").write_text(code)
    [command] = [a or b for a, b in COMMANDS if "my_study" in a + b]
    words = [sys.executable, "-m", "taylorlib.study", *shlex.split(command)]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out/study/means.csv").read_text().count("\n") == 1 + 2 * 2 * 8

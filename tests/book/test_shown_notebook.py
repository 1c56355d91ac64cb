"""What a cell prints in several parts is one block on the page, in the order it was printed."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_tools"))

import shown_notebook


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_neighbouring_pieces_of_a_stream_are_one():
    claim = {"output_type": "display_data", "data": {"text/plain": ["c"]}, "metadata": {}}
    outputs = [stream(["a\n"]), stream("b\n"), claim, stream(["c"]), stream(["d"], "stderr")]
    before = json.dumps(outputs)
    assert shown_notebook.joined(outputs) == [
        stream(["a\n", "b\n"]),
        claim,
        stream(["c"]),
        stream(["d"], "stderr"),
    ]
    assert json.dumps(outputs) == before


def test_cells_without_outputs_are_left_alone():
    notebook = {"cells": [{"cell_type": "markdown", "source": "é"}], "nbformat": 4}
    assert json.loads(shown_notebook.shown(json.dumps(notebook).encode())) == notebook

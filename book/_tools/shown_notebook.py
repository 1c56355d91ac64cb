"""An executed notebook as the pages show it.

The records of claims are left out: Sphinx warns of their type, which it cannot show. And what a
cell prints in one go is one block again; a kernel sends it in parts when it takes long.
"""

import json

from claims_of_notebooks import MIME


def shown(notebook: bytes) -> bytes:
    """The notebook without records, with printed text in one piece."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME, None)
        if "outputs" in cell:
            cell["outputs"] = joined(cell["outputs"])
    return json.dumps(content, ensure_ascii=False).encode()


def joined(outputs: list[dict]) -> list[dict]:
    """Neighbouring pieces of the same stream as one; the order is kept."""
    result: list[dict] = []
    for output in outputs:
        before = result[-1] if result else {}
        streams = output["output_type"] == before.get("output_type") == "stream"
        if streams and output["name"] == before["name"]:
            result[-1] = {**before, "text": [*_lines(before), *_lines(output)]}
        else:
            result.append(output)
    return result


def _lines(output: dict) -> list[str]:
    text = output["text"]
    return [text] if isinstance(text, str) else text

"""Fill the page of the library: one section for each module, found by walking the package."""

import importlib
import pkgutil

MARK = "<!-- every module of taylorlib -->"


def setup(app):
    """Register with Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill(app, docname, source):
    """Put the sections in the place of the mark."""
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, "\n".join(section(name) for name in modules()))


def modules(package: str = "taylorlib") -> list[str]:
    """The public modules, the ones with the fewest dots first."""
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    return [module.name for module in found if "._" not in module.name]


def section(module: str) -> str:
    """The Markdown of one module's section."""
    return f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n"

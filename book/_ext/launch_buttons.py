"""Launch buttons lead to the repository's address; while nobody has set one, there are none."""

from sphinx.application import Sphinx
from sphinx.config import Config

UNSET_OWNER = "/-owner-/"  # as in book/_tools/address.py


def _only_with_an_address(app: Sphinx, config: Config) -> None:
    options = config.html_theme_options
    if UNSET_OWNER in options.get("repository_url", UNSET_OWNER):
        options.pop("launch_buttons", None)


def setup(app: Sphinx) -> dict:
    """Run when the configuration is complete."""
    app.connect("config-inited", _only_with_an_address, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

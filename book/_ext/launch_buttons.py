"""Launch buttons lead to the Colab notebooks; while nobody has set an address, there are none.

A Colab notebook is made from its page by `book/_tools/colab.py` and published on a branch of its
own, since the page's source holds MyST that Colab would show raw.
"""

from sphinx.application import Sphinx
from sphinx.config import Config

UNSET_OWNER = "/-owner-/"  # as in book/_tools/address.py
BRANCH = "colab"  # as in book/_tools/colab_address.py


def _only_with_an_address(app: Sphinx, config: Config) -> None:
    options = config.html_theme_options
    if UNSET_OWNER in options.get("repository_url", UNSET_OWNER):
        options.pop("launch_buttons", None)


def _to_the_branch(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """The theme links to the source on the branch of the book; let Colab take the other one."""
    source = f"/blob/{app.config.html_theme_options.get('repository_branch')}/"
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if "colab.research.google.com" in str(button.get("url")):
                button["url"] = button["url"].replace(source, f"/blob/{BRANCH}/", 1)


def setup(app: Sphinx) -> dict:
    """Run when the configuration is complete, and when the theme has made a page's buttons."""
    app.connect("config-inited", _only_with_an_address, priority=900)
    app.connect("html-page-context", _to_the_branch, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

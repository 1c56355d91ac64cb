"""What several extensions do: change the HTML of every page's text before it is written."""

from collections.abc import Callable

from sphinx.application import Sphinx


def on_every_page(app: Sphinx, change: Callable[[str], str]) -> dict:
    """Let `change` rewrite the text of every page.

    Returns:
        What an extension's `setup` answers.
    """

    def rewrite(app, pagename, templatename, context, doctree) -> None:
        if "body" in context:
            context["body"] = change(context["body"])

    app.connect("html-page-context", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

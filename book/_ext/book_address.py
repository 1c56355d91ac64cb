"""Leave out launch and repository buttons while the repository's address is not set."""

UNSET = "/-owner-/"
NEEDING_AN_ADDRESS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def setup(app):
    """Register with Sphinx, before the theme reads its options."""
    app.connect("config-inited", leave_out_buttons, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def leave_out_buttons(app, config):
    """Take back what would lead to an address that nobody has."""
    options = config.html_theme_options
    if UNSET in options.get("repository_url", ""):
        options.pop("repository_url")
        options.pop("launch_buttons", None)
        for button in NEEDING_AN_ADDRESS:
            options[button] = False

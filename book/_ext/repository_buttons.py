"""Launch and repository buttons: they point to the project's repository, and vanish where its address is not known."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from feedback_alignment.companion.repository import repository_address


def buttons(options: dict[str, Any], address: str | None) -> dict[str, Any]:
    """Return the theme's options with the repository at `address`, or without launch and repository buttons.

    The button that downloads the notebook needs no repository and stays in both cases.
    """
    if address is None:
        dropped = {"repository_url": "", "launch_buttons": {}, "use_repository_button": False}
        return {**options, **dropped, "use_issues_button": False, "use_edit_page_button": False}
    return {**options, "repository_url": address, "use_repository_button": True}


def _set_buttons(app: Sphinx, config: Config) -> None:
    config.html_theme_options = buttons(config.html_theme_options, repository_address(Path(app.srcdir)))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", _set_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

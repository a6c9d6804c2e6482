"""A link to the explorer may carry settings: `[text](../book/explorer.md#rule=bp)` leads to BP.

What stands behind `#` is the address that the explorer itself gives; settings that it does not name are the first
preset's. The book as one page has no address to carry them: there the link leads to the explorer.
"""

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PAGE = "book/explorer"


def settings_of(link: addnodes.pending_xref) -> str:
    """Return the settings that a link carries, empty for any other link."""
    carried = link.get("reftargetid") or ""
    return carried if link.get("reftarget") == PAGE and "=" in carried else ""


class CarriedSettings(SphinxPostTransform):
    """Resolve links that carry settings, before MyST looks for a heading of that name."""

    default_priority = 8

    def run(self, **kwargs: Any) -> None:
        for link in list(self.document.findall(addnodes.pending_xref)):
            settings = settings_of(link)
            if settings and self.app.builder.name == "html":
                address = self.app.builder.get_relative_uri(self.env.docname, PAGE)
                link.replace_self(
                    nodes.reference("", "", *link.children, refuri=f"{address}#{settings}", internal=True)
                )
            elif settings:
                link["reftargetid"] = None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(CarriedSettings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

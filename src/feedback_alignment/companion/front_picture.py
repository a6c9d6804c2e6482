"""The picture at the top of the README: one figure of a committed notebook, taken out of its outputs.

`python -m feedback_alignment.companion.front_picture` writes `book/_static/front.png` of this clone.
"""

import base64
from pathlib import Path

from feedback_alignment import atomic
from feedback_alignment.companion import notebook_files

CHAPTER, FIGURE = "01_credit_assignment", "fig-gradient-alignment"


def picture(notebook: Path, figure: str) -> bytes:
    """Return the PNG of the figure called `figure` in a notebook's outputs.

    Raises ValueError if the notebook has no such picture.
    """
    for cell in notebook_files.read(notebook).cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == figure:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    raise ValueError(f"{notebook.name} has no picture called {figure!r} among its outputs: run 'make refresh'")


def main() -> None:
    """Write the picture of this clone."""
    root = notebook_files.clone_root()
    path = root / "book" / "_static" / "front.png"
    atomic.write_bytes(path, picture(root / "notebooks" / f"{CHAPTER}.ipynb", FIGURE))
    print(f"wrote {path.relative_to(root)}")


if __name__ == "__main__":
    main()

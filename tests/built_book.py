"""The whole book, built from the committed notebooks once for all tests, whichever process asks first."""

from pathlib import Path

import pytest
from filelock import FileLock

from feedback_alignment.companion import repository
from feedback_alignment.companion.site import build

ROOT = Path(__file__).resolve().parents[1]


def pages() -> Path:
    """Return the folder of the built pages; a book with a single warning is not built.

    The repository's address is not known to it.
    """
    into = ROOT / "_build" / "tests" / "site"
    into.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, FileLock(into.parent / "site.lock"):
        patch.setenv(repository.VARIABLE, "")
        return build(ROOT, ROOT / "notebooks", ROOT / "results", into).index.parent

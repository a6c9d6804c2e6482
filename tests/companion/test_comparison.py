"""Claims of two runs are compared within their margins, and every way to differ is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from feedback_alignment.companion.claims_table import CLAIMS_MIME
from feedback_alignment.companion.comparison import main, moved

ROW = {"key": "01-x", "measured": "0.5", "margin": "0.03", "outcome": "inside"}


def test_rounding_does_not_move_a_claim() -> None:
    assert moved([ROW], [ROW | {"measured": "0.5001"}]) == []


def test_numbers_too_small_to_be_written_out_count_as_zero() -> None:
    tiny = ROW | {"measured": "< 1e-12", "margin": "1e-10"}
    assert moved([tiny], [tiny | {"measured": "3e-11"}]) == []
    assert moved([tiny], [tiny | {"measured": "3e-9"}]) != []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"measured": "0.54"}, "0.5 (inside) is now 0.54 (inside); they may differ by 0.03"),
        ({"outcome": "outside"}, "is now 0.5 (outside)"),
        ({"measured": "nan"}, "is now nan"),
        ({"key": "01-y"}, "01-x is a claim in only one of the two runs"),
    ],
)
def test_a_moved_claim_is_named(change: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in moved([ROW], [ROW | change]))


def write_notebook(folder: Path, row: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    cell = {
        "cell_type": "code",
        "source": "",
        "outputs": [{"output_type": "display_data", "data": {CLAIMS_MIME: [row]}}],
    }
    (folder / "01_chapter.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")


def test_command_tells_equal_from_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, row in (("committed", ROW), ("same", ROW), ("other", ROW | {"measured": "0.9"})):
        write_notebook(tmp_path / name, row)
    call = ["--committed", str(tmp_path / "committed"), "--here"]
    assert main([*call, str(tmp_path / "same")]) == 0
    assert main([*call, str(tmp_path / "other")]) == 1
    assert "01_chapter: 01-x" in capsys.readouterr().out

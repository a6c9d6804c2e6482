import pytest

from feedback_alignment.companion import pictures


def test_a_long_note_leaves_the_panels_their_size():
    heights = []
    for lines in (1, 12):
        figure, axes = pictures.panels(1, 2, height=2.8)
        pictures.note(figure, "\n".join(["what was run"] * lines))
        figure.draw_without_rendering()
        heights.append(axes[0, 0].get_position().height * figure.get_figheight())
    # Three lines fit into the height that the figure has anyway.
    assert heights[1] == pytest.approx(heights[0], rel=0.15)


def test_no_note_takes_no_room():
    figure, _ = pictures.panels(1, 1, height=2.8)
    pictures.note(figure, "")
    assert figure.get_figheight() == pytest.approx(2.8)
    assert figure.get_supxlabel() == ""

"""The look of every figure: sizes, colours that survive colour blindness and dark mode, bands over seeds."""

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, less its yellow (too pale on white).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
NOTE_CHARACTERS = 130
NOTE_POINTS = 7
USUAL_NOTE_LINES = 3
POINTS_PER_INCH = 72
"""What a line of small print holds in a figure of the usual width."""
STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


class Picture:
    """A figure as a notebook shows it: a PNG without a time stamp, and a short text for a terminal."""

    def __init__(self, figure: "Figure", dpi: int = 125):
        self._figure = figure
        self._dpi = dpi

    def _repr_png_(self) -> bytes:
        return png(self._figure, self._dpi)

    def __repr__(self) -> str:
        return f"<figure with {len(self._figure.axes)} panels>"


def png(figure: "Figure", dpi: int = 125) -> bytes:
    """Return a figure as a PNG without a time stamp."""
    from matplotlib import rc_context
    from PIL import Image

    drawn, stored = io.BytesIO(), io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(drawn, format="png", dpi=dpi)
    # A drawing has few colours: a palette of 256 shows no difference and takes a third of the space.
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(stored, "png", optimize=True)
    return stored.getvalue()


def panels(rows: int, columns: int, *, width: float = 7.2, height: float = 3.0) -> "tuple[Figure, np.ndarray]":
    """Return a figure and its axes, an array with shape (rows, columns); a row shares its y axis.

    `width` is that of the figure and `height` that of one row, in inches.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharey="row")
    return figure, axes


def note(figure: "Figure", text: str) -> None:
    """Put small print below the panels, lines longer than the figure folded; nothing if `text` is empty.

    The figure grows by what a long note takes, so that the panels keep their size.
    """
    if text:
        folded = [row for line in text.splitlines() for row in textwrap.wrap(line, NOTE_CHARACTERS)]
        figure.supxlabel("\n".join(folded), fontsize=NOTE_POINTS, color="#444444")
        more = max(0, len(folded) - USUAL_NOTE_LINES)
        figure.set_figheight(figure.get_figheight() + more * 1.2 * NOTE_POINTS / POINTS_PER_INCH)


def colour(index: int) -> str:
    """Return colour number `index` of the palette, counted round."""
    return PALETTE[index % len(PALETTE)]


def band(
    axes: "Axes", x: Sequence[float] | np.ndarray, values: np.ndarray, *, label: str, index: int, linestyle: str = "-"
) -> None:
    """Draw the mean over seeds with a band of one standard error to each side.

    `values` has shape (seeds, len(x)). Line, marker and colour all follow from `index`: none carries meaning alone.
    """
    mean = values.mean(0)
    error = values.std(0, ddof=1) / np.sqrt(len(values))
    axes.plot(x, mean, color=colour(index), marker=MARKERS[index % len(MARKERS)], linestyle=linestyle, label=label)
    axes.fill_between(x, mean - error, mean + error, color=colour(index), alpha=0.25, linewidth=0)


def epoch_axis(axes: "Axes", epochs: np.ndarray) -> None:
    """Make the x axis one of training time in epochs: linear up to the first observation, logarithmic beyond."""
    axes.set_xscale("symlog", linthresh=float(epochs[epochs > 0].min()), linscale=0.4)
    axes.set_xlim(0, float(epochs.max()) * 1.1)
    ticks = [0.0] + [10.0**k for k in range(-3, 5) if epochs[epochs > 0].min() <= 10.0**k <= epochs.max()]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training time (epochs)")

"""The drawn figure of chapter 01: how the error travels under BP, FA, DFA and DRTP."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from feedback_alignment.companion import pictures

FORWARD, TRANSPOSED, RANDOM = pictures.PALETTE[6], pictures.PALETTE[0], pictures.PALETTE[1]
LEVELS = (0.0, 1.0, 2.0, 3.0)
LABELS = ("$x$", "$h_1$", "$h_2$", r"$\hat{y}$")


def draw_information_flow() -> Figure:
    """Draw the four rules as networks with two hidden layers, activity going up and the teaching signal coming down."""
    figure, axes = pictures.panels(1, 4, width=9.0, height=4.2)
    for ax, (title, draw) in zip(axes[0], (("BP", _bp), ("FA", _fa), ("DFA", _dfa), ("DRTP", _drtp)), strict=True):
        ax.set_xlim(-0.75, 2.1)
        ax.set_ylim(-0.5, 4.3)
        ax.set_axis_off()
        ax.set_title(title, fontsize=12)
        for level, label in zip(LEVELS, LABELS, strict=True):
            _box(ax, 0, level, label)
        for layer in (1, 2, 3):
            _arrow(ax, (0, layer - 0.78), (0, layer - 0.22), FORWARD)
            ax.text(-0.12, layer - 0.5, f"$W_{layer}$", ha="right", va="center")
        draw(ax)
    return figure


def _box(ax: Axes, x: float, y: float, label: str, colour: str = FORWARD) -> None:
    ax.add_patch(FancyBboxPatch((x - 0.26, y - 0.17), 0.52, 0.34, boxstyle="round,pad=0.03", facecolor="white",
                                edgecolor=colour, linewidth=1.4))
    ax.text(x, y, label, ha="center", va="center", color=colour)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, style: str = "-") -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, linewidth=1.6, color=colour,
                                 linestyle=style, shrinkA=0, shrinkB=0))


def _error(ax: Axes, label: str = "$e$", colour: str = FORWARD) -> None:
    _box(ax, 1.15, 4.0 if label == "$y$" else 3.0, label, colour)
    if label == "$e$":
        _arrow(ax, (0.33, 3.0), (0.85, 3.0), FORWARD)


def _chain(ax: Axes, labels: tuple[str, str], colour: str, style: str) -> None:
    _error(ax)
    for level, label in zip((2.0, 1.0), labels, strict=True):
        _box(ax, 1.15, level, rf"$\delta a_{level:.0f}$", colour)
        _arrow(ax, (1.15, level + 0.78), (1.15, level + 0.22), colour, style)
        ax.text(1.27, level + 0.5, label, color=colour, va="center")
        _arrow(ax, (0.85, level), (0.33, level), colour, style)


def _bp(ax: Axes) -> None:
    _chain(ax, ("$W_3^T$", "$W_2^T$"), TRANSPOSED, "-")


def _fa(ax: Axes) -> None:
    _chain(ax, ("$F_2$", "$F_1$"), RANDOM, "--")


def _dfa(ax: Axes) -> None:
    _error(ax)
    for level, label, bend in ((2.0, "$F_2$", 0.0), (1.0, "$F_1$", 0.0)):
        x = 0.95 if level == 2.0 else 1.4
        _arrow(ax, (x, 2.78), (0.33, level + 0.05), RANDOM, "--")
        ax.text(x - 0.02, level + (0.45 if level == 2.0 else 0.75) + bend, label, color=RANDOM, va="center")


def _drtp(ax: Axes) -> None:
    _error(ax)
    _box(ax, 1.15, 3.9, "$y$", RANDOM)
    _arrow(ax, (1.15, 3.68), (1.15, 3.22), FORWARD)
    for level, label, x in ((2.0, "$F_2$", 1.62), (1.0, "$F_1$", 1.85)):
        _arrow(ax, (1.44, 3.86), (0.33, level + 0.05), RANDOM, "--")
        ax.text(x - 0.55, level + (0.28 if level == 2.0 else 0.5), label, color=RANDOM, va="center")

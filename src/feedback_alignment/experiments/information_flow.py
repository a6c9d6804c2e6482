"""The drawn figure of chapter 01: how the error travels under BP, FA, DFA and DRTP."""

from typing import TYPE_CHECKING

from feedback_alignment.companion import pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORWARD, TRANSPOSED, RANDOM = pictures.PALETTE[6], pictures.PALETTE[0], pictures.PALETTE[1]
LEVELS = (0.0, 1.0, 2.0, 3.0)
LABELS = ("$x$", "$h_1$", "$h_2$", r"$\hat{y}$")


def draw_information_flow() -> "Figure":
    """Draw the four rules as networks with two hidden layers, activity going up and the teaching signal coming down."""
    figure, axes = pictures.panels(1, 4, width=8.0, height=3.2)
    for ax, (title, draw) in zip(axes[0], (("BP", _bp), ("FA", _fa), ("DFA", _dfa), ("DRTP", _drtp)), strict=True):
        ax.set_xlim(-0.75, 2.55)
        ax.set_ylim(-0.4, 3.4)
        ax.set_axis_off()
        ax.set_title(title, fontsize=12)
        for level, label in zip(LEVELS, LABELS, strict=True):
            _box(ax, 0, level, label)
        for layer in (1, 2, 3):
            _arrow(ax, (0, layer - 0.78), (0, layer - 0.22), FORWARD)
            ax.text(-0.12, layer - 0.5, f"$W_{layer}$", ha="right", va="center")
        draw(ax)
    return figure


def _box(ax: "Axes", x: float, y: float, label: str, colour: str = FORWARD) -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch(
            (x - 0.26, y - 0.17),
            0.52,
            0.34,
            boxstyle="round,pad=0.03",
            facecolor="white",
            edgecolor=colour,
            linewidth=1.4,
        )
    )
    ax.text(x, y, label, ha="center", va="center", color=colour)


def _arrow(ax: "Axes", start: tuple[float, float], end: tuple[float, float], colour: str, style: str = "-") -> None:
    from matplotlib.patches import FancyArrowPatch

    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            linewidth=1.6,
            color=colour,
            linestyle=style,
            shrinkA=0,
            shrinkB=0,
        )
    )


def _error(ax: "Axes") -> None:
    _box(ax, 1.15, 3.0, "$e$")
    _arrow(ax, (0.33, 3.0), (0.85, 3.0), FORWARD)


def _chain(ax: "Axes", labels: tuple[str, str], colour: str, style: str) -> None:
    _error(ax)
    for level, label in zip((2.0, 1.0), labels, strict=True):
        _box(ax, 1.15, level, rf"$\delta a_{level:.0f}$", colour)
        _arrow(ax, (1.15, level + 0.78), (1.15, level + 0.22), colour, style)
        ax.text(1.27, level + 0.5, label, color=colour, va="center")
        _arrow(ax, (0.85, level), (0.33, level), colour, style)


def _bp(ax: "Axes") -> None:
    _chain(ax, ("$W_3^T$", "$W_2^T$"), TRANSPOSED, "-")


def _fa(ax: "Axes") -> None:
    _chain(ax, ("$F_2$", "$F_1$"), RANDOM, "--")


def _dfa(ax: "Axes") -> None:
    _error(ax)
    _arrow(ax, (1.0, 2.78), (0.33, 2.05), RANDOM, "--")
    ax.text(0.38, 2.52, "$F_2$", color=RANDOM, va="center")
    _arrow(ax, (1.3, 2.78), (0.33, 1.05), RANDOM, "--")
    ax.text(0.92, 1.75, "$F_1$", color=RANDOM, va="center")


def _drtp(ax: "Axes") -> None:
    _error(ax)
    _box(ax, 2.1, 3.0, "$y$", RANDOM)
    _arrow(ax, (1.8, 3.0), (1.45, 3.0), FORWARD)
    _arrow(ax, (2.0, 2.78), (0.33, 2.05), RANDOM, "--")
    ax.text(0.92, 2.55, "$F_2$", color=RANDOM, va="center")
    _arrow(ax, (2.2, 2.78), (0.33, 1.05), RANDOM, "--")
    ax.text(1.4, 1.75, "$F_1$", color=RANDOM, va="center")

"""The figures of chapter 04, one column of panels a dataset."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from feedback_alignment.companion import pictures, provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def residuals(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the residual of weak alignment of every run, one row of points for each rule and kind of feedback."""
    figure, axes = pictures.panels(1, len(datasets), height=3.6)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        labels = []
        for row, (rule, kind) in enumerate(np.ndindex(dataset.sizes["rule"], dataset.sizes["kind"])):
            labels.append(f"{dataset.rule.values[rule]}, {dataset.kind.values[kind]}")
            for index, batch in enumerate(dataset.batch.values):
                values = dataset.residual.isel(rule=rule, kind=kind).sel(batch=batch).values.ravel()
                ax.plot(
                    values,
                    np.full(values.shape, row + 0.25 * index),
                    color=pictures.colour(index),
                    marker=pictures.MARKERS[index],
                    linestyle="none",
                    label=f"batch {batch}" if row == 0 else None,
                )
        ax.axvline(1e-14, color="black", linestyle="--", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlim(1e-16, 1e-13)
        ax.set_yticks(range(len(labels)), labels, fontsize=7)
        ax.set_xlabel("relative residual of W_l")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def example(dataset: xr.Dataset) -> "Figure":
    """Draw hidden weights, F_l A_l F_{l−1}ᵀ, their difference in units of 1e-16, and A_l, as maps."""
    figure, axes = pictures.panels(dataset.sizes["example_layer"], 4, height=2.1)
    for row, layer in zip(axes, dataset.example_layer.values, strict=True):
        of = dataset.sel(example_layer=layer)
        W, aligned = of.example_weights.values, of.example_aligned.values
        product = f"F_{layer} A_{layer} F_{layer - 1}^{{\\top}}"
        maps = ((W, f"W_{layer}"), (aligned, product), (of.example_matrices.values, f"A_{layer}"))
        whole = (-0.5, W.shape[1] - 0.5, len(W) - 0.5, -0.5)
        for ax, (values, title) in zip((row[0], row[1], row[3]), maps, strict=True):
            limit = np.abs(values).max()
            ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=whole)
            ax.set_title(f"${title}$")
        row[2].imshow(1e16 * (W - aligned) / np.abs(W).max(), cmap="RdBu_r", vmin=-20, vmax=20)
        row[2].set_title("difference")
        for ax in row:
            ax.grid(visible=False)
            ax.set_xticks([])
            ax.set_yticks([])
    pictures.note(
        figure,
        "red positive, blue negative; each map on its own scale, that of a difference 2e-15 of the largest weight",
    )
    return figure


def conditioning(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw condition numbers of A_l and gradient alignment over training, left-orthogonal and narrow Gaussian F."""
    figure, axes = pictures.panels(2, len(datasets), height=2.7)
    for column, dataset in enumerate(datasets):
        narrow = dataset.isel(width=0)
        for kind, style in (("orthonormal", "-"), ("gaussian", "--")):
            for index, layer in enumerate(dataset.layer.values):
                of = narrow.sel(kind=kind)
                pictures.band(
                    axes[0, column],
                    dataset.time.values,
                    np.log10(of.condition.sel(layer=layer).transpose("member", "time").values),
                    label=f"$A_{layer}$, {kind}",
                    index=index,
                    linestyle=style,
                )
                pictures.band(
                    axes[1, column],
                    dataset.time.values,
                    of.gradient_alignment.sel(hidden_layer=layer - 1).transpose("member", "time").values,
                    label=f"layer {layer - 1}, {kind}",
                    index=index,
                    linestyle=style,
                )
        axes[0, column].set_title(f"{provenance.title(dataset)}, width {int(narrow.width)}")
        for ax in axes[:, column]:
            ax.set_xscale("log")
        axes[1, column].set_xlabel("steps")
    axes[0, 0].set_ylabel("log10 of the condition number")
    axes[1, 0].set_ylabel("gradient alignment")
    for row in axes:
        row[0].legend(fontsize=6)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def widths(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw gradient alignment after training against the width, for each kind of feedback."""
    figure, axes = pictures.panels(1, len(datasets), height=2.8)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        last = dataset.isel(time=-1).gradient_alignment.mean("hidden_layer")
        for index, kind in enumerate(dataset.kind.values):
            values = last.sel(kind=kind).transpose("member", "width").values
            pictures.band(ax, dataset.width.values, values, label=str(kind), index=index)
        ax.axhline(1, color="black", linestyle=":", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlabel("width of the hidden layers")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("gradient alignment\nafter training")
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def strong(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw what strong weight alignment misses of gradient alignment against the width, and its first order."""
    figure, axes = pictures.panels(1, len(datasets), height=2.8)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        x = dataset.strong_width.values
        for index, kind in enumerate(dataset.strong_kind.values):
            for layer, style in ((1, "-"), (2, "--")):
                values = dataset.missed.sel(kind=kind, strong_layer=layer).transpose("draw", "strong_width").values
                error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
                ax.errorbar(
                    x,
                    values.mean(axis=0),
                    error,
                    color=pictures.colour(index),
                    marker=pictures.MARKERS[index],
                    linestyle="none",
                    label=f"{kind}, layer {layer}",
                    fillstyle="full" if layer == 1 else "none",
                )
                ax.plot(
                    x,
                    dataset.missed_expected.sel(strong_kind=kind, strong_layer=layer),
                    color=pictures.colour(index),
                    linestyle=style,
                    linewidth=1,
                )
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("width of the hidden layers")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("1 − gradient alignment")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def flow(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the negative term of A_l + A_lᵀ against the positive one for smaller and smaller steps."""
    figure, axes = pictures.panels(1, len(datasets), height=2.7)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        eta = dataset.flow_eta.values
        for index, layer in enumerate(dataset.layer.values):
            values = dataset.flow_noise.sel(layer=layer).transpose("flow_run", "flow_eta").values
            pictures.band(ax, eta, values, label=f"$A_{layer}$", index=index)
        first = float(dataset.flow_noise.mean().values)
        ax.plot(eta, first * eta / np.exp(np.log(eta).mean()), color="black", linestyle=":", label="slope 1")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_xticks(eta, [f"{value:.2g}" for value in eta])
        ax.set_xlabel("learning rate")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("negative over\npositive term")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def convolutions(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the best cosine that a convolution reaches with F_l F_{l−1}ᵀ beside the expected one."""
    figure, axes = pictures.panels(1, len(datasets), height=2.6)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        rows = np.arange(dataset.sizes["convolution"])
        cosines = (
            np.sqrt(dataset.convolution_part / dataset.convolution_whole).transpose("convolution", "conv_run").values
        )
        ax.plot(
            np.sqrt(dataset.expected_share),
            rows,
            color="black",
            marker="|",
            markersize=14,
            linestyle="none",
            label="expected",
        )
        error = cosines.std(axis=1, ddof=1)
        ax.errorbar(
            cosines.mean(axis=1),
            rows,
            xerr=error,
            color=pictures.colour(0),
            marker="o",
            linestyle="none",
            label="mean, sd",
        )
        ax.set_yticks(rows, dataset.convolution.values, fontsize=7)
        ax.set_xlim(0)
        ax.set_xlabel("best cosine with $F_l F_{l-1}^{\\top}$")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure

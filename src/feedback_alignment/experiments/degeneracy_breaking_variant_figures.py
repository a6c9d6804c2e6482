"""The figures of chapter 06 about what this book adds, one column of panels a dataset."""

from typing import TYPE_CHECKING

import xarray as xr

from feedback_alignment.companion import pictures, provenance
from feedback_alignment.experiments.pair_statistics import per_member

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def turned(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw final similarity and gradient alignment against the share of the angle by which F was turned."""
    figure, axes = pictures.panels(2, len(datasets), height=2.5)
    for (alike, aligned), dataset in zip(axes.T, datasets, strict=True):
        for index, towards in enumerate(dataset.towards.values):
            chosen = dataset.sel(towards=towards)
            label = f"to the {towards} weights"
            pictures.band(
                alike,
                chosen.share.values,
                per_member(chosen.turned_similarity, "digits_pair"),
                label=label,
                index=index,
            )
            alignment = chosen.turned_gradient_alignment.transpose("digits_member", "share").values
            pictures.band(aligned, chosen.share.values, alignment, label=label, index=index)
        aligned.set_xlabel("share of the angle by which F is turned")
        alike.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("final similarity (cosine)")
    axes[1, 0].set_ylabel("final gradient\nalignment (cosine)")
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def pretrained(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw similarity and training error from the moment when DFA takes over from BP."""
    figure, axes = pictures.panels(2, len(datasets), height=2.5)
    for (alike, wrong), dataset in zip(axes.T, datasets, strict=True):
        epochs = dataset.dfa_epoch.values
        for index, count in enumerate(dataset.pretraining.values):
            chosen = dataset.sel(pretraining=count)
            label = f"{count:g} epochs of BP"
            pictures.band(
                alike, epochs, per_member(chosen.pretrained_similarity, "digits_pair"), label=label, index=index
            )
            error = chosen.pretrained_train_error.transpose("digits_member", "dfa_epoch").values
            pictures.band(wrong, epochs, error, label=label, index=index)
        for ax in (alike, wrong):
            pictures.epoch_axis(ax, epochs)
            ax.set_xlabel("training time by DFA (epochs)")
        alike.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("similarity (cosine)")
    axes[1, 0].set_ylabel("training error")
    axes[0, 0].legend(fontsize=7)
    pictures.note(figure, provenance.figure_note(datasets))
    return figure


def widths(datasets: tuple[xr.Dataset, ...]) -> "Figure":
    """Draw the final similarity of weights, and of their changes, against the width of the hidden layers."""
    figure, axes = pictures.panels(1, len(datasets), height=2.8)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        width = dataset.width.values
        pictures.band(ax, width, per_member(dataset.width_similarity, "digits_pair"), label="weights", index=0)
        pictures.band(
            ax, width, per_member(dataset.width_similarity_of_changes, "digits_pair"), label="their changes", index=1
        )
        ax.set_xscale("log")
        ax.minorticks_off()
        ax.set_xticks(width, [str(each) for each in width])
        ax.set_xlabel("units in each hidden layer")
        ax.set_title(provenance.title(dataset))
    axes[0, 0].set_ylabel("final similarity (cosine)")
    axes[0, 0].legend()
    pictures.note(figure, provenance.figure_note(datasets))
    return figure

"""The claims of chapter 06."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from feedback_alignment.companion import provenance
from feedback_alignment.companion.claims import Claim, Expected, Measured, Tolerance
from feedback_alignment.experiments.degeneracy_breaking_settings import OWN
from feedback_alignment.experiments.dilution import diluted_similarity
from feedback_alignment.experiments.pair_statistics import per_member

BOOK = "this book"
FIG5 = "Refinetti et al. 2021, Sec. 1.3 and Fig. 5"
NAMES = {"digits": "digits", "mnist": "MNIST", "cifar10": "CIFAR-10", "relu": "ReLU", "tanh": "tanh"}
DIGITS = "digits_pair"
JACKKNIFE = Tolerance("three jackknife standard errors over members")
SEEDS = Tolerance("three standard errors over seeds")
CROSS = Tolerance("three jackknife standard errors; 0.02 for chance overlaps of starts and changes", floor=0.02)
ONE_DIGIT = Tolerance("three jackknife standard errors over members; 0.05, as the paper gives one digit", floor=0.05)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Return the claims about every ensemble that is there, those of the paper first."""
    return [*_of_fig5(dataset), *_of_variants(dataset)]


def _of_fig5(dataset: xr.Dataset) -> Iterator[Claim]:
    if "similarity" not in dataset:
        return
    scale = provenance.scale(dataset)
    for images in dataset.images.values:
        for activation in dataset.activation.values:
            there = dataset.sel(images=images, activation=activation)
            where, key = f"{NAMES[images]}, {NAMES[activation]}", f"{images}-{activation}"
            done = {str(rule) for rule in there.rule.values if np.isfinite(there.similarity.sel(rule=rule)).all()}
            last = there.isel(epoch=-1)
            if "DFA" in done:
                yield Claim(
                    f"06-dfa-{key}",
                    FIG5,
                    f"Similarity of networks trained by DFA with one F: {where}",
                    Expected("0.5 to 1", 0.5, 1),
                    Measured.over_seeds(per_member(last.similarity.sel(rule="DFA"))),
                    ONE_DIGIT,
                    scale,
                )
                yield Claim(
                    f"06-dilution-{key}",
                    BOOK,
                    f"The same, less the similarity of changes diluted by the starts: {where}",
                    Expected("0", 0, 0),
                    Measured.over_seeds(
                        per_member((last.similarity - diluted_similarity(there).isel(epoch=-1)).sel(rule="DFA"))
                    ),
                    CROSS,
                    scale,
                )
                first = there.layer_similarity_of_changes.sel(rule="DFA").isel(epoch=1)
                yield Claim(
                    f"06-first-{key}",
                    BOOK,
                    f"Changes of the first layer are alike before those of the second: difference, first look: {where}",
                    Expected("> 0", low=0),
                    Measured.over_seeds(per_member(first.sel(layer=1) - first.sel(layer=2))),
                    JACKKNIFE,
                    scale,
                )
            if "BP" in done:
                similarity = there.similarity.sel(rule="BP")
                yield Claim(
                    f"06-bp-{key}",
                    FIG5,
                    f"Similarity of networks trained by BP, the largest at any time: {where}",
                    Expected("at most 0.01", high=0.01),
                    Measured.over_seeds(per_member(similarity.isel(epoch=similarity.mean("pair").argmax("epoch")))),
                    JACKKNIFE,
                    scale,
                )
                yield Claim(
                    f"06-permuted-{key}",
                    BOOK,
                    f"BP's networks are not permuted copies: similarity with hidden units matched: {where}",
                    Expected("far from 1 (here: < 0.9)", high=0.9),
                    Measured.over_seeds(per_member(last.matched_similarity.sel(rule="BP"))),
                    JACKKNIFE,
                    scale,
                )
            if {"DFA", "BP"} <= done:
                apart = last.train_error.sel(rule="DFA") - last.train_error.sel(rule="BP")
                yield Claim(
                    f"06-error-{key}",
                    FIG5,
                    f"Training error of DFA less that of BP, at the end: {where}",
                    Expected("alike (here: within 0.02)", -0.02, 0.02),
                    Measured.over_seeds(apart.values),
                    SEEDS,
                    scale,
                )
            if OWN in done:
                yield Claim(
                    f"06-own-{key}",
                    BOOK,
                    f"Similarity of networks trained by DFA, each with its own F: {where}",
                    Expected("small (here: < 0.1)", high=0.1),
                    Measured.over_seeds(per_member(last.similarity.sel(rule=OWN))),
                    JACKKNIFE,
                    scale,
                )


def _of_variants(dataset: xr.Dataset) -> Iterator[Claim]:
    scale = provenance.scale(dataset)
    fewer, more = Expected("< 0", high=0), Expected("> 0", low=0)
    if "turned_similarity" in dataset:
        variables = ["turned_similarity", "turned_gradient_alignment"]
        ends = dataset[variables].isel(share=-1) - dataset[variables].isel(share=0)
        for towards in ends.towards.values:
            change = ends.sel(towards=towards)
            statement = f"F turned from random to the {towards} transposed weights: change of the final"
            yield Claim(
                f"06-turned-similarity-{towards}",
                BOOK,
                f"{statement} similarity",
                fewer,
                Measured.over_seeds(per_member(change.turned_similarity, DIGITS)),
                JACKKNIFE,
                scale,
            )
            yield Claim(
                f"06-turned-alignment-{towards}",
                BOOK,
                f"{statement} gradient alignment",
                more,
                Measured.over_seeds(change.turned_gradient_alignment.values),
                SEEDS,
                scale,
            )
    if "pretrained_similarity" in dataset:
        yield Claim(
            "06-pretrained",
            BOOK,
            "Networks that BP has fitted before DFA takes over do not meet: final similarity after the longest BP",
            Expected("small (here: < 0.1)", high=0.1),
            Measured.over_seeds(per_member(dataset.pretrained_similarity.isel(pretraining=-1, dfa_epoch=-1), DIGITS)),
            JACKKNIFE,
            scale,
        )
    if "width_similarity" in dataset:
        widest = dataset.width_similarity.isel(width=-1) - dataset.width_similarity.isel(width=0)
        yield Claim(
            "06-width",
            BOOK,
            "Final similarity of the widest networks less that of the narrowest",
            fewer,
            Measured.over_seeds(per_member(widest, DIGITS)),
            JACKKNIFE,
            scale,
        )

"""What chapter 11 computes at each scale."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feedback_alignment.experiments.best_practices_settings import PRACTICES, as_in_the_paper, on_digits
from feedback_alignment.experiments.launay_networks import LaunayNetworks
from feedback_alignment.networks.bottleneck import Bottleneck, ScatteredBottleneck
from feedback_alignment.networks.network import Network
from feedback_alignment.networks.observables import cosine
from feedback_alignment.networks.rules import BP, DFA, ByLayer, Rule
from feedback_alignment.networks.teaching_signals import teaching_signals
from feedback_alignment.networks.training import Observations, Schedule

LAYER = 2
"""The hidden layer with the bottleneck."""
Kind = Literal["units", "scattered", "narrow", "own feedback"]
KINDS: tuple[Kind, ...] = ("units", "scattered", "narrow", "own feedback")
"""A fixed set of units that learn, as the paper states it; weights that learn, scattered, as the released code has it;
and, as controls, a layer that is narrow itself, and scattered weights below which the first layer hears DFA, not BP."""
PAPER_UNITS = (1, 3, 5, 8, 11, 18, 28, 46, 73, 118, 191, 308, 496, 800)
"""The sizes of Fig. 4."""


@dataclass(frozen=True)
class BottleneckNetworks(LaunayNetworks):
    """An ensemble whose second hidden layer has a bottleneck. It is one piece of work."""

    bottleneck: Kind
    units: int

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind of bottleneck."""
        if self.bottleneck not in KINDS:
            raise ValueError(f"bottleneck must be one of {', '.join(KINDS)}; got {self.bottleneck!r}")

    @property
    def name(self) -> str:
        """The ensemble in words."""
        return f"{super().name} {self.bottleneck} {self.units}"

    @property
    def kind(self) -> str:
        """What the stored piece is; the number is raised when the meaning of its results changes."""
        return "networks with a bottleneck 1"

    @property
    def rule(self) -> Rule:
        """DFA through the bottleneck."""
        scattered = ScatteredBottleneck(DFA(), LAYER, self.units)
        match self.bottleneck:
            case "units":
                return Bottleneck(DFA(), LAYER, self.units)
            case "scattered":
                return scattered
            case "own feedback":
                return ByLayer((DFA(),) * (LAYER - 1) + (scattered,) * (self.hidden_layers - LAYER + 1))
            case _:
                return DFA()

    @property
    def reference(self) -> Rule:
        """Back-propagation; where weights are scattered, with a bottleneck of its own, as in the released code."""
        if self.bottleneck in ("scattered", "own feedback"):
            return ScatteredBottleneck(BP(), LAYER, self.units, draw=1)
        return BP()

    def further(
        self, network: Network, inputs: Float[Tensor, "samples ..."], labels: Int[Tensor, " samples"]
    ) -> Observations:
        """Return the cosine at the bottleneck of all units and of those that learn, both rules without masks."""
        ours, true = (teaching_signals(network, rule, inputs, labels, "eval")[LAYER - 1] for rule in (DFA(), BP()))
        if ours is None or true is None:
            raise ValueError(f"hidden layer {LAYER} must hear DFA and BP; it does not")
        members, width = len(network.seeds), ours.shape[-1]
        learning = torch.ones(members, width, dtype=torch.bool)
        if self.bottleneck == "units":
            learning = Bottleneck(DFA(), LAYER, self.units).learning(network.seeds, width)
        chosen = learning[:, None].to(ours)
        found = {"alignment_at_bottleneck": (ours, true), "alignment_of_learning": (ours * chosen, true * chosen)}
        return {name: cosine(a, b).nanmean(-1).cpu().numpy() for name, (a, b) in found.items()}


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of this chapter depend on."""

    profile: str
    seeds: tuple[int, ...]
    works: tuple[BottleneckNetworks, ...]
    """Every size, kind and learning rate, each in one ensemble."""
    reduced: tuple[str, ...] = ()

    @property
    def groups(self) -> dict[str, tuple[BottleneckNetworks, ...]]:
        """The pieces by what they are for, in words that follow 'pieces'."""
        return {
            f"of kind '{kind}'": tuple(each for each in self.works if each.bottleneck == kind)
            for kind in KINDS
            if any(each.bottleneck == kind for each in self.works)
        }


def through(base: LaunayNetworks, bottleneck: Kind, units: int) -> BottleneckNetworks:
    """Return the networks of `base` with a bottleneck of `units`; those that are narrow have a layer of that width."""
    hidden = (base.hidden[0], units, base.hidden[2]) if bottleneck == "narrow" else base.hidden
    return BottleneckNetworks(
        base.images,
        hidden,
        PRACTICES[0],
        base.seeds,
        base.hidden_error_scale,
        base.schedule,
        base.last_epoch_parts,
        base.dtype,
        base.probe_samples,
        bottleneck,
        units,
    )


def _settings(
    profile: str,
    base: LaunayNetworks,
    units: tuple[int, ...],
    rates: tuple[float, ...],
    reduced: tuple[str, ...] = (),
) -> Settings:
    works = tuple(
        through(replace(base, schedule=replace(base.schedule, learning_rate=rate)), kind, number)
        for rate in rates
        for number in units
        for kind in KINDS[:3]
        # A layer that is narrowed to its own width has no bottleneck of any kind, and needs no third run.
        if kind != "narrow" or number < base.hidden[1]
    )
    slowest = replace(base, schedule=replace(base.schedule, learning_rate=min(rates)))
    return Settings(profile, base.seeds, (*works, through(slowest, "own feedback", units[0])), reduced)


SETTINGS: dict[str, Settings] = {
    "smoke": _settings("smoke", on_digits((0, 1), 12, Schedule(2, 256, 0.01, "mean", (2,)), 64), (2, 12), (0.01,)),
    "quick": _settings(
        "quick",
        on_digits((0, 1, 2), 40, Schedule(9, 64, 0.01, "mean", (9,)), 64),
        (1, 6, 40),
        (0.015, 0.15),
    ),
    "paper": _settings(
        "paper",
        as_in_the_paper((0,)),
        (1, 8, 28, 118, 308, 800),
        (5e-4,),
        ("1 seed, as in the paper; 6 of 14 sizes", "one of two learning rates"),
    ),
}

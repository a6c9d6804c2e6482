"""Members that diverge: found, named, and left as NaN, so that the others can go on."""

import warnings

import numpy as np
import torch

from feedback_alignment.networks.ensemble import Ensemble


class Divergence:
    """Which members of an ensemble are lost, and at which step that was seen."""

    def __init__(self, members: int):
        self.at_step = np.full(members, np.nan)
        """Step at which a member was seen to be no longer finite; NaN for a member that is well."""

    def look(self, network: Ensemble, name: str, step: int) -> None:
        """Find members whose state is no longer finite after `step` steps of the rule `name`, and make it NaN.

        Warns (RuntimeWarning) of those that are newly lost. Raises FloatingPointError once none is left.
        """
        tensors = [values for values in network.state().values() if values.is_floating_point()]
        finite = torch.stack([values.isfinite().flatten(1).all(1) for values in tensors]).all(0).cpu().numpy()
        newly = ~finite & np.isnan(self.at_step)
        if not newly.any():
            return
        self.at_step[newly] = step
        seeds = list(dict.fromkeys(seed for seed, lost in zip(network.seeds, newly, strict=True) if lost))
        message = f"weights under {name} are no longer finite at step {step} for seeds {seeds}"
        if not finite.any():
            raise FloatingPointError(f"{message}, and no other member is left: lower the learning rate")
        for values in tensors:
            values[torch.from_numpy(newly).to(values.device)] = torch.nan
        warnings.warn(
            f"{message}: their values are NaN from here, the other members go on; lower the learning rate to keep them",
            RuntimeWarning,
            stacklevel=3,
        )

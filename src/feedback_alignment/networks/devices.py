"""Whether a device that is asked for can be computed on."""

import torch


def require_device(device: str | torch.device) -> None:
    """Raise ValueError unless torch can compute on `device` here."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise ValueError(
            f"device '{device}' cannot be used here ({reason}): 'python -m feedback_alignment check' "
            "lists the devices; cpu always works"
        ) from error

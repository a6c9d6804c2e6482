"""The device that a run asks for: whether it is there, and that it gives the same numbers each time."""

import os


def require_device(device: str) -> None:
    """Raise ValueError unless torch can compute on `device` here; make a GPU repeatable.

    On a GPU torch is told, for the whole process, to use deterministic algorithms and full float32 precision (no TF32)
    in products and convolutions: without that, an interrupted run need not end with the bits of an uninterrupted one.
    """
    import torch

    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    try:
        torch.zeros(1, dtype=torch.float64, device=device).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise ValueError(
            f"device {device!r} cannot be used here ({reason}): 'python -m feedback_alignment check' "
            "lists the devices; --device cpu always works"
        ) from error

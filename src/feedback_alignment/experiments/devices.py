"""The device that a run of the command line asks for: that it is there, and gives the same numbers each time."""

import os


def prepare_device(device: str) -> None:
    """Raise ValueError unless torch can compute on `device` here; make a GPU repeatable.

    On a GPU torch is told, for the whole process, to use deterministic algorithms and full float32 precision (no TF32)
    in products and convolutions: without that, an interrupted run need not end with the bits of an uninterrupted one.
    """
    import torch

    from feedback_alignment.networks.devices import require_device

    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    require_device(device)

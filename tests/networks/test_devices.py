import pytest
import torch

from feedback_alignment.networks import DFA, Linear, cnn, mlp, stack
from feedback_alignment.networks.devices import require_device

MAKERS = {
    "mlp": lambda device: mlp((4, 3, 2), DFA(), (0,), device=device),
    "stack": lambda device: stack((4,), [(Linear(3),), (Linear(2),)], DFA(), (0,), device=device),
    "cnn": lambda device: cnn((1, 4, 4), (2,), (3,), 2, DFA(), (0,), kernel=3, device=device),
}
absent = pytest.mark.parametrize(
    "device",
    [
        "cuda:99",
        torch.device("cuda:99"),
        "gpu",
        "meta",
        pytest.param("cuda", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")),
    ],
    ids=str,
)


@absent
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_networks_on_a_device_that_is_not_there_are_refused(make, device):
    with pytest.raises(ValueError, match=rf"^device '{device}' cannot be used here \(.+\): .* cpu always works$"):
        make(device)


@absent
def test_a_device_that_is_not_there_is_refused_in_one_line(device):
    with pytest.raises(ValueError, match=f"device '{device}' cannot be used here") as caught:
        require_device(device)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")], ids=["a name", "torch's own"])
def test_the_processor_is_always_there(device):
    require_device(device)
    for make in MAKERS.values():
        assert make(device).weights[0].device.type == "cpu"

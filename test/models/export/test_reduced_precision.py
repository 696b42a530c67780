"""Half precision by the layers' own types: as good as autocast, float32 where it must be; and fit to be recorded."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.example_frames import example_frame
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.export.reduced_precision import fold_normalisations, reduce_precision

SCALE = 4
_SMALL = {
    "fdkn": {},
    "dkn": {},
    "dagf": {"channels": 8},
    "jiif": {"width": 16, "blocks": 2, "hidden": (32, 16)},
    "dada": {"solver": "accelerated", "accelerated_iterations": 10, "network_resolution": 1},
    "bridgenet": {"width": 16, "deep_blocks": 2, "backbone": "resnet18"},
}


def _network(name):
    """In evaluation mode, with statistics that a normalisation folded wrongly would show."""
    torch.manual_seed(0)
    network = create_model(name, scale=SCALE, **_SMALL[name]).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


@torch.inference_mode()
def _depth(network, **autocast):
    rgb, depth = example_frame(SCALE, max(1, network.size_multiple // SCALE))
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(autocast)):
        return FrameGraph(network)(torch.from_numpy(rgb), torch.from_numpy(depth))[0]


@pytest.mark.parametrize("name", sorted(_SMALL))
def test_half_precision_is_as_good_as_autocast(name):
    network = _network(name)
    exact, autocast = _depth(network), _depth(network, autocast=True)
    fold_normalisations(network)
    torch.testing.assert_close(_depth(network), exact, rtol=0, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    reduce_precision(network, torch.bfloat16)
    half = _depth(network)
    assert half.dtype == torch.float32 and not torch.equal(half, exact)
    assert (half - exact).square().mean() <= 1.5**2 * (autocast - exact).square().mean()


def test_what_a_network_keeps_in_float32_is_left_alone():
    network = _network("dada")
    reduce_precision(network, torch.bfloat16)
    kept = {name for name, module in network.named_modules() if getattr(module, "weight", None) is not None}
    kept = {name for name in kept if network.get_submodule(name).weight.dtype == torch.float32}
    assert "network.head" in kept
    assert all(isinstance(network.get_submodule(n), nn.BatchNorm2d) for n in kept - {"network.head"})


class _CopiesFromTheHost(TorchDispatchMode):
    """Notes what a CUDA graph cannot hold: constants made of Python numbers, and values that Python asks for."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in (torch.ops.aten.lift_fresh.default, torch.ops.aten._local_scalar_dense.default):
            self.seen.add(str(function))
        return function(*args, **(kwargs or {}))


def test_copies_from_the_host_are_noticed():
    with torch.no_grad(), _CopiesFromTheHost() as mode:
        torch.tensor([1.0, 2.0]).sum().item()
    assert len(mode.seen) == 2


@pytest.mark.parametrize("name", sorted(_SMALL))
def test_a_frame_needs_nothing_from_the_host_but_its_inputs(name):
    network = _network(name)
    graph = FrameGraph(network)
    frame = [torch.from_numpy(array) for array in example_frame(SCALE, max(1, network.size_multiple // SCALE))]
    with torch.no_grad(), _CopiesFromTheHost() as mode:
        graph(*frame)
    assert mode.seen == set()

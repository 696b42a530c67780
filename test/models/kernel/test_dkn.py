"""DKN against the paper and the release.

`python test/models/test_dkn.py` writes the golden tensors anew.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from depth_sr_ros.models import create_model
from depth_sr_ros.models.kernel.dkn import DKN

_GOLDEN = Path(__file__).parents[1] / "golden" / "dkn.npz"


def _count(**options):
    return sum(p.numel() for p in DKN(**options).parameters())


def test_parameter_counts():
    assert _count() == 1_158_070
    assert _count(guide="none") == 577_467
    assert _count(depth_kernels=False) == 580_603
    assert _count(guide="none", offsets=False) == 577_467 - (128 + 1) * 18
    assert _count(kernel_size=5) - _count() == 2 * (128 + 1) * 3 * (25 - 9)


def _network(seed=0, scale=4, **options):
    """A network whose random weights make kernels and offsets that differ from pixel to pixel."""
    torch.manual_seed(seed)
    network = DKN(scale=scale, **options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.05, 0.2)
    for branch in (network.guide_branch, network.depth_branch):
        if branch is not None:
            branch.weight_head.weight.data.mul_(4)
    return network


def _heads(branch, features):
    return torch.sigmoid(branch.weight_head(features)), branch.offset_head(features)


def _shift_and_stitch(branch, image):
    """The authors' form: 16 passes with stride-2 convolutions over shifted images, each giving every fourth pixel."""
    batch, _, height, width = image.shape
    weights, offsets = torch.zeros(batch, 9, height, width), torch.zeros(batch, 18, height, width)
    for i in range(4):
        for j in range(4):
            features = F.pad(image, (25 - j, 22 + j, 25 - i, 22 + i))
            for layer in branch.features:
                if isinstance(layer, nn.Conv2d):
                    stride = 2 if layer.kernel_size == (2, 2) else 1
                    features = F.conv2d(features, layer.weight, layer.bias, stride=stride)
                else:
                    features = layer(features)
            weights[..., i::4, j::4], offsets[..., i::4, j::4] = _heads(branch, features)
    return weights, offsets


def _stacked_phases(branch, image):
    """One pass without dilation: the phases of each halving side by side in the batch."""
    batch, _, height, width = image.shape
    features = F.pad(image, (25, 24, 25, 24))
    for layer in branch.features:
        if isinstance(layer, nn.Conv2d):
            features = F.conv2d(features, layer.weight, layer.bias)
            if layer.kernel_size == (2, 2):
                features = torch.cat([features[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
        else:
            features = layer(features)
    results = []
    for maps in _heads(branch, features):
        phases = maps.reshape(2, 2, 2, 2, batch, -1, height // 4, width // 4)
        results.append(phases.permute(4, 5, 6, 0, 2, 7, 1, 3).reshape(batch, -1, height, width))
    return results


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("reference", "layout"),
    [(_shift_and_stitch, torch.contiguous_format), (_stacked_phases, torch.channels_last)],
)
@torch.no_grad()
def test_single_pass_equals_the_other_forms(double_precision, reference, layout):
    network = _network()
    for branch, channels in ((network.guide_branch, 3), (network.depth_branch, 1)):
        image = torch.rand(2, channels, 12, 16).contiguous(memory_format=layout)
        for ours, theirs in zip(branch(network.arrange(image)), reference(branch, image), strict=True):
            assert theirs.std(dim=(2, 3)).min() > 1e-4  # a constant map would prove nothing
            torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", [(10, 14), (9, 15)])
def test_any_size_that_the_scale_divides_will_do(size):
    """Pixels see zeros beyond the border, whatever is cut off there: a smaller image is a padded one's corner."""
    network = _network(scale=1)
    guide, depth = torch.rand(1, 3, *size), torch.rand(1, 1, *size)
    weights, offsets = network.guide_branch(network.arrange(guide))
    padded = F.pad(guide, (0, 16 - size[1], 0, 12 - size[0]))
    for ours, theirs in zip((weights, offsets), network.guide_branch(network.arrange(padded)), strict=True):
        torch.testing.assert_close(ours, theirs[..., : size[0], : size[1]], atol=1e-5, rtol=0)
    assert network(guide, depth).shape == depth.shape


@pytest.mark.parametrize("residual", [True, False])
@torch.no_grad()
def test_constant_depth_stays_constant(residual):
    """Residual weights sum to zero, the others to one."""
    output = _network(residual=residual)(torch.rand(1, 3, 24, 32), torch.full((1, 1, 6, 8), 0.4))
    torch.testing.assert_close(output, torch.full_like(output, 0.4), atol=1e-5, rtol=0)


@torch.no_grad()
def test_depth_only_form_ignores_the_guide():
    network, depth = _network(guide="none"), torch.rand(1, 1, 6, 8)
    assert torch.equal(network(torch.zeros(1, 3, 24, 32), depth), network(torch.ones(1, 3, 24, 32), depth))


@torch.no_grad()
def test_guide_only_form_takes_its_kernels_from_the_guide():
    """The result is linear in depth then, and still depends on the guide."""
    network = _network(depth_kernels=False)
    assert not any(name.startswith("depth_branch") for name in network.state_dict())
    guide, one, other = torch.rand(1, 3, 24, 32), torch.rand(1, 1, 6, 8), torch.rand(1, 1, 6, 8)
    expected = 0.25 * network(guide, one) + 0.75 * network(guide, other)
    torch.testing.assert_close(network(guide, 0.25 * one + 0.75 * other), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(network(1 - guide, one), network(guide, one), atol=1e-4)
    with_depth = _network()
    nonlinear = with_depth(guide, 0.25 * one + 0.75 * other)
    expected = 0.25 * with_depth(guide, one) + 0.75 * with_depth(guide, other)
    assert not torch.allclose(nonlinear, expected, atol=1e-4)


@pytest.mark.parametrize("kernel_size", [3, 5, 7, 15, 19, 25])
@torch.no_grad()
def test_without_offsets_the_kernel_weighs_the_neighbours(kernel_size):
    network = _network(offsets=False, residual=False, guide="none", kernel_size=kernel_size)
    start = torch.rand(1, 1, 12, 17)
    weights, offsets = network.depth_branch(network.arrange(start))
    assert offsets is None
    padded = F.pad(start, (kernel_size // 2,) * 4, mode="replicate")
    neighbours = F.unfold(padded, kernel_size).reshape(weights.shape)
    expected = (neighbours * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
    torch.testing.assert_close(network.refine(torch.rand(1, 3, 12, 17), start, start), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_pixel_sees_25_before_and_24_after():
    network = _network()
    image = torch.rand(1, 1, 64, 64)
    changed = image.clone()
    changed[..., 32, 32] += 1
    moved = (network.depth_branch(network.arrange(image))[0] - network.depth_branch(network.arrange(changed))[0])[0, 0]
    rows, columns = (i - 32 for i in moved.nonzero().unbind(1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (-24, 25, -24, 25)


def test_trains_in_mixed_precision():
    network = _network(kernel_size=5).train().to(memory_format=torch.channels_last)
    guide = torch.rand(1, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(guide, torch.rand(1, 1, 4, 4))
    output.square().mean().backward()
    assert output.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"guide": "grey"}, "'colour', 'none'"),
        ({"guide": "none", "depth_kernels": False}, "depth_kernels: expected True with guide 'none', found False"),
        ({"kernel_size": 4}, r"\(3, 5, 7\), found 4; other odd numbers need offsets=False"),
        ({"kernel_size": 15}, r"\(3, 5, 7\), found 15"),
        ({"kernel_size": 15, "offsets": False, "sampling": "aligned_corners"}, r"\(3, 5, 7\).*sampling='centred'"),
        ({"kernel_size": 4, "offsets": False}, "an odd number from 3 on, found 4"),
        ({"kernel_size": 1, "offsets": False}, "an odd number from 3 on, found 1"),
        ({"sampling": "corner"}, "centred"),
    ],
)
def test_unknown_option_value_names_the_known_ones(option, message):
    with pytest.raises(ValueError, match=message):
        create_model("dkn", **option)


@torch.inference_mode()
def _golden():
    generator = torch.Generator().manual_seed(5)
    guide, depth = torch.rand(1, 3, 16, 24, generator=generator), torch.rand(1, 1, 4, 6, generator=generator)
    variants = {
        "default": {},
        "released": {"sampling": "aligned_corners"},
        "depth_only": {"guide": "none", "residual": False},
        "fixed_5": {"kernel_size": 5, "offsets": False},
    }
    return {name: _network(**options)(guide, depth) for name, options in variants.items()}


def test_golden_tensors():
    stored = np.load(_GOLDEN)
    for name, tensor in _golden().items():
        torch.testing.assert_close(tensor, torch.from_numpy(stored[name]), atol=2e-5, rtol=0, msg=name)


if __name__ == "__main__":
    np.savez(_GOLDEN, **{name: tensor.numpy() for name, tensor in _golden().items()})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"residual": False},
        {"sampling": "aligned_corners"},
        {"sampling": "aligned_corners", "residual": False},
        {"depth_kernels": False, "kernel_size": 19, "offsets": False, "residual": False},
    ],
)
def test_sampled_phases_equal_the_dense_result(options):
    torch.manual_seed(0)
    network = create_model("dkn", scale=4, **options).eval()
    generator = torch.Generator().manual_seed(1)
    guide, depth = torch.rand(2, 3, 16, 24, generator=generator), torch.rand(2, 1, 4, 6, generator=generator)
    with torch.inference_mode():
        dense = network(guide, depth)
        values, pixels = network.sampled(guide, depth, 16 * 24, generator)
    assert sorted(pixels[0].tolist()) == list(range(16 * 24))
    torch.testing.assert_close(values, dense.flatten(1).gather(1, pixels), atol=2e-5, rtol=0)


def test_at_least_one_phase_is_sampled():
    network = create_model("dkn", scale=4).eval()
    values, pixels = network.sampled(torch.rand(1, 3, 16, 16), torch.rand(1, 1, 4, 4), 1)
    assert values.shape == pixels.shape == (1, 16)

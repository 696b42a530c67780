"""One launch gives what the kernel networks' PyTorch form gives."""

import pytest
import torch

from depth_sr_ros.models import create_model
from depth_sr_ros.models.fused.kernel_launch import FusedKernelNetwork, TailOptions, filter_by_heads

SCALE = 4
CELLS = (3, 5)

# network, options: every kernel size, convention, guide, with and without residual and offsets
_CASES = [
    ("fdkn", {}),
    ("fdkn", {"sampling": "aligned_corners", "guide": "grey"}),
    ("fdkn", {"sampling": "half_pixel", "guide": "none", "residual": False}),
    ("fdkn", {"offsets": False}),
    ("dkn", {"kernel_size": 5, "residual": False}),
    ("dkn", {"kernel_size": 5, "sampling": "aligned_corners"}),
    ("dkn", {"kernel_size": 7, "guide": "none"}),
    ("dkn", {"kernel_size": 7, "sampling": "half_pixel", "offsets": False}),
    ("fdkn", {"depth_kernels": False}),
    ("dkn", {"kernel_size": 19, "depth_kernels": False, "offsets": False, "residual": False}),
]


def _network(name, options):
    """Weights far from one another, and offsets that leave the window and the image."""
    torch.manual_seed(0)
    network = create_model(name, scale=SCALE, **options).eval()
    with torch.no_grad():
        for branch in (network.depth_branch, network.guide_branch):
            if branch is None:
                continue
            branch.weight_head.weight.mul_(5)
            if branch.offset_head is not None:
                branch.offset_head.bias.normal_(0, 3)
    return network


def _frame(cells=CELLS):
    generator = torch.Generator().manual_seed(1)
    size = (cells[0] * SCALE, cells[1] * SCALE)
    return torch.rand(1, 3, *size, generator=generator), torch.rand(1, 1, *cells, generator=generator)


def _heads(options, batch=2, block=4, cells=CELLS, dtype=torch.float32):
    generator = torch.Generator().manual_seed(2)
    channels = (3 if options.offsets else 1) * options.taps * block**2
    shape = (batch, channels, cells[0] * SCALE // block, cells[1] * SCALE // block)
    return tuple((2 * torch.randn(shape, generator=generator)).to(dtype) for _ in range(2))


@pytest.mark.parametrize(("name", "options"), _CASES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)))
@torch.inference_mode()
def test_network_gives_the_same_depth(name, options, device):
    network = _network(name, options).to(device)
    guide, depth = (t.to(device) for t in _frame())
    start = network.start_image(depth)
    expected = network.refine(guide, depth, start)
    assert (expected - start).abs().max() > 0.01
    torch.testing.assert_close(FusedKernelNetwork(network).refine(guide, depth, start), expected, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def plain():
    return TailOptions(9, 4, "centred", True, True)


@torch.inference_mode()
def _filter(start, heads, options, device, tile=512):
    return filter_by_heads(start.to(device), *(h.to(device) for h in heads), options, tile).cpu()


def test_neither_memory_layout_nor_tiles_matter(plain, device):
    start = torch.rand(1, 1, CELLS[0] * SCALE, CELLS[1] * SCALE)
    heads = _heads(plain, batch=1)
    expected = _filter(start, heads, plain, device)
    by_pixel = tuple(h.contiguous(memory_format=torch.channels_last) for h in heads)
    assert not by_pixel[0].is_contiguous()
    assert torch.equal(_filter(start, by_pixel, plain, device), expected)
    torch.testing.assert_close(_filter(start, by_pixel, plain, device, tile=128), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_costs_no_more_than_the_rounding_of_its_inputs(plain, half, device):
    start = torch.rand(1, 1, CELLS[0] * SCALE, CELLS[1] * SCALE)
    rounded = _heads(plain, batch=1, dtype=half)
    expected = _filter(start, tuple(h.float() for h in rounded), plain, device)
    torch.testing.assert_close(_filter(start, rounded, plain, device), expected, rtol=0, atol=1e-6)


def test_weights_that_are_all_equal_leave_the_start_image(plain, device):
    """Their mean is subtracted: nothing may be left, not even of weights and depths that are large."""
    start = 1000 + torch.rand(1, 1, CELLS[0] * SCALE, CELLS[1] * SCALE)
    heads = tuple(torch.cat((torch.full_like(h[:, :144], 9.0), h[:, 144:]), dim=1) for h in _heads(plain, batch=1))
    torch.testing.assert_close(_filter(start, heads, plain, device), start, rtol=0, atol=2e-3)


def test_heads_of_another_size_are_refused(plain):
    start = torch.rand(2, 1, 12, 20)
    depth, guide = _heads(plain)
    with pytest.raises(ValueError, match=r"guide_heads: expected \(2, 432, 3, 5\) or more channels.*found \(2, 400"):
        filter_by_heads(start, depth, guide[:, :400], plain)

"""FDKN against the paper and the release.

`python test/models/test_fdkn.py` writes the golden tensors anew.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models import create_model

_GOLDEN = Path(__file__).parents[1] / "golden" / "fdkn.npz"
_RELEASED = Path(__file__).parents[1] / "released" / "fdkn_tensors.txt"


def _count(**options):
    return sum(p.numel() for p in create_model("fdkn", **options).parameters())


def test_parameter_counts():
    assert _count(guide="grey") == 693_856
    assert _count(guide="colour") == 703_072
    assert _count(guide="none") == 346_928
    assert _count(guide="grey", depth_kernels=False) == 346_928


def test_grey_form_has_the_released_tensors():
    shapes = [line.partition(" ")[2] for line in _RELEASED.read_text().splitlines() if line.strip()]
    ours = [str(tuple(t.shape)) for t in create_model("fdkn", guide="grey").state_dict().values()]
    assert Counter(ours) == Counter(shapes)


def _run(guide_image=None, depth=None, **options):
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, **options).eval()
    guide_image = torch.rand(1, 3, 24, 32) if guide_image is None else guide_image
    depth = torch.rand(1, 1, 6, 8) if depth is None else depth
    return network(guide_image, depth)


@pytest.mark.parametrize("residual", [True, False])
def test_constant_depth_stays_constant(residual):
    """Residual weights sum to zero, the others to one."""
    output = _run(depth=torch.full((1, 1, 6, 8), 0.4), residual=residual)
    torch.testing.assert_close(output, torch.full_like(output, 0.4), atol=1e-5, rtol=0)


def test_depth_only_form_ignores_the_guide():
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, guide="none").eval()
    depth = torch.rand(1, 1, 6, 8)
    assert torch.equal(network(torch.zeros(1, 3, 24, 32), depth), network(torch.ones(1, 3, 24, 32), depth))


def test_grey_form_sees_luminance_only():
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, guide="grey").eval()
    depth = torch.rand(1, 1, 6, 8)
    grey = torch.rand(1, 1, 24, 32)
    tinted = torch.cat((grey, grey + 0.1, grey - 0.1 * 0.587 / 0.114), dim=1)
    torch.testing.assert_close(network(grey.expand(1, 3, 24, 32), depth), network(tinted, depth), atol=1e-5, rtol=0)


def test_guide_reaches_as_far_as_receptive_field_and_window():
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4).eval()
    depth, guide = torch.rand(1, 1, 32, 32), torch.rand(1, 3, 128, 128)
    changed = guide.clone()
    changed[..., 64, 64] += 1
    moved = (network(guide, depth) - network(changed, depth)).abs()[0, 0].nonzero()
    assert len(moved) > 0
    assert (moved - 64).abs().max() <= 4 * 6 + 4


def test_unknown_guide_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="'colour', 'grey', 'none'"):
        create_model("fdkn", guide="gray")


@pytest.mark.parametrize("kernel_size", [5, 7])
def test_larger_kernels_and_fixed_taps_run(kernel_size):
    assert _run(kernel_size=kernel_size).isfinite().all()
    assert _count(guide="none", kernel_size=kernel_size, offsets=False) == 346_928 + (
        (kernel_size**2 - 27) * 16 * (128 + 1)
    )
    assert _run(kernel_size=kernel_size, offsets=False).isfinite().all()


@pytest.mark.parametrize(
    "options",
    [
        {"depth_kernels": False},
        {"depth_kernels": False, "offsets": False, "residual": False, "kernel_size": 15},
        {"depth_kernels": False, "guide": "grey", "kernel_size": 7},
        {"offsets": False, "residual": False, "kernel_size": 25},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_ablations_of_table_4_train(options):
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, **options).train()
    output = network(torch.rand(2, 3, 16, 24), torch.rand(2, 1, 4, 6))
    assert output.shape == (2, 1, 16, 24)
    output.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
    heads = [branch.weight_head for branch in (network.depth_branch, network.guide_branch) if branch is not None]
    assert len(heads) == (1 if "depth_kernels" in options else 2)
    assert all(head.weight.grad.abs().max() > 0 for head in heads)


@torch.inference_mode()
@pytest.mark.parametrize("kernel_size", [15, 25])
def test_large_kernels_without_offsets_equal_a_direct_sum_over_the_neighbours(kernel_size):
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, offsets=False, residual=False, kernel_size=kernel_size).eval()
    guide, start = torch.rand(1, 3, 16, 24), torch.rand(1, 1, 16, 24)
    (depth_weights, _), (guide_weights, _) = (branch(image) for branch, image in network.branch_inputs(guide, start))
    weights = F.pixel_shuffle(depth_weights * guide_weights, 4)
    around = F.pad(start, (kernel_size // 2,) * 4, mode="replicate")
    expected = torch.zeros_like(start)
    for row in range(kernel_size):
        for column in range(kernel_size):
            weight = weights[:, row * kernel_size + column, None]
            expected += weight * around[..., row : row + 16, column : column + 24]
    expected /= weights.sum(dim=1, keepdim=True)
    torch.testing.assert_close(network.refine(guide, start, start), expected, atol=1e-5, rtol=0)


@torch.inference_mode()
def _golden():
    generator = torch.Generator().manual_seed(5)
    guide, depth = torch.rand(1, 3, 24, 32, generator=generator), torch.rand(1, 1, 6, 8, generator=generator)
    variants = {
        "default": {},
        "released": {"guide": "grey", "sampling": "aligned_corners"},
        "depth_only": {"guide": "none", "residual": False},
    }
    return {name: _run(guide, depth, **options) for name, options in variants.items()}


def test_golden_tensors():
    stored = np.load(_GOLDEN)
    for name, tensor in _golden().items():
        torch.testing.assert_close(tensor, torch.from_numpy(stored[name]), atol=2e-5, rtol=0, msg=name)


if __name__ == "__main__":
    np.savez(_GOLDEN, **{name: tensor.numpy() for name, tensor in _golden().items()})


def test_small_sibling_takes_a_third_of_the_multiplications():
    def multiplications(network):
        branches = (network.guide_branch, network.depth_branch)
        return sum(p.numel() for b in branches for p in b.parameters() if p.ndim == 4)

    assert multiplications(create_model("fdkn_s")) < 0.36 * multiplications(create_model("fdkn"))


def test_widths_must_be_six():
    with pytest.raises(ValueError, match="expected 6 positive"):
        create_model("fdkn", widths=(32, 32))

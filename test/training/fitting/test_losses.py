"""Training losses."""

import pytest
import torch

from training.fitting.losses import LOSSES, masked_l1, weighted


def _image(*rows):
    return torch.tensor(rows)[None, None]


def test_masked_l1_averages_over_real_ground_truth_only():
    output, valid = _image([1.0, 2.0, 100.0]), _image([1.0, 1.0, 0.0])
    assert masked_l1(output, torch.zeros_like(output), valid) == pytest.approx(1.5)
    assert masked_l1(output, torch.zeros_like(output), torch.zeros_like(valid)) == 0


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_where_all_is_right_or_nothing_is_known(name):
    target = torch.rand(2, 1, 8, 8)
    others = {"stages": target.repeat(1, 2, 1, 1), "estimate": target.clone(), "start": torch.rand(2, 1, 8, 8)}
    outputs = {"depth": target.clone(), **others}
    assert LOSSES[name](outputs, target, torch.ones_like(target), 0.3) == pytest.approx(0, abs=1e-6)
    wrong = {key: value + 1 for key, value in outputs.items()}
    assert LOSSES[name](wrong, target, torch.zeros_like(target), 0.3) == 0


@pytest.mark.parametrize(("name", "expected"), [("l1", 0.5), ("l2", 0.25), ("charbonnier", 0.499)])
def test_pointwise_losses(name, expected):
    target = torch.zeros(1, 1, 4, 4)
    assert LOSSES[name]({"depth": target + 0.5}, target, target + 1, 0.0) == pytest.approx(expected, abs=1e-4)


def test_relative_loss_weighs_crops_by_what_bicubic_leaves_to_do():
    target, valid = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    valid[:, :, :, 3] = 0
    off = torch.tensor([0.02, 0.2]).view(2, 1, 1, 1)
    start = (target + off).masked_fill(valid == 0, 9.0)

    def loss(share, first=0, last=2):
        images = {"depth": share * start[first:last], "start": start[first:last]}
        return float(LOSSES["relative_rmse"](images, target[first:last], valid[first:last], 0.0))

    # a crop where bicubic errs by a fiftieth of the range counts nearly as much as one with ten times that error
    assert loss(0.5, 1, 2) == pytest.approx(0.49, rel=0.01)
    assert loss(0.5, 0, 1) == pytest.approx(0.49 * 0.8**0.5, rel=0.02)
    assert loss(0.5) == pytest.approx((loss(0.5, 0, 1) + loss(0.5, 1, 2)) / 2)


def test_boundary_loss_is_the_product_of_gradient_errors_and_error():
    """At the centre of an error x * y on a 3x3 grid both Sobel responses are known."""
    y, x = torch.meshgrid(torch.arange(-2.0, 3), torch.arange(-2.0, 3), indexing="ij")
    error = (3 + x + 2 * y)[None, None]
    only_centre = torch.zeros_like(error)
    only_centre[..., 1:4, 1:4] = 1
    # derivative 1 along x and 2 along y, times the Sobel gain of 8; error 3 at the only pixel with whole surroundings
    found = LOSSES["boundary"]({"depth": error}, torch.zeros_like(error), only_centre, 0.0)
    assert found == pytest.approx(8 * 16 * 3)


def test_boundary_loss_is_exact_under_mixed_precision():
    random = torch.Generator().manual_seed(0)
    output, target = torch.rand(2, 1, 1, 32, 32, generator=random)
    exact = LOSSES["boundary"]({"depth": output}, target, torch.ones_like(target), 0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = LOSSES["boundary"]({"depth": output}, target, torch.ones_like(target), 0.0)
    assert mixed.dtype == torch.float32 and float(mixed) == pytest.approx(float(exact), rel=1e-6)


def test_multi_stage_loss_fades_out_over_the_run():
    target = torch.zeros(1, 1, 4, 4)
    outputs = {"depth": target, "stages": torch.stack((target[0, 0] + 1, target[0, 0] + 3))[None]}
    values = [float(LOSSES["multi_stage"](outputs, target, target + 1, progress)) for progress in (0, 0.25, 1)]
    assert values == pytest.approx([2, 1.5, 0])
    assert LOSSES["multi_stage"]({"stages": target[:, :0]}, target, target + 1, 0.0) == 0


def test_papers_sums():
    target = torch.rand(1, 1, 8, 8)
    outputs = {"depth": target + 0.1, "stages": target.repeat(1, 2, 1, 1) + 0.2, "estimate": target + 0.3}
    valid = torch.ones_like(target)
    assert LOSSES["dada"](outputs, target, valid, 0.5) == pytest.approx(1.0, abs=1e-5)
    terms = [weight * LOSSES[name](outputs, target, valid, 0.5)
             for name, weight in (("l1", 1), ("boundary", 0.001), ("multi_stage", 1))]  # fmt: skip
    assert LOSSES["dagf"](outputs, target, valid, 0.5) == pytest.approx(float(sum(terms)))
    assert LOSSES["estimate_l1"](outputs, target, valid, 0.5) == pytest.approx(0.3, abs=1e-5)


def test_gradients_reach_only_what_a_loss_supervises():
    outputs = {name: torch.rand(1, 1, 4, 4, requires_grad=True) for name in ("depth", "estimate")}
    target = torch.zeros(1, 1, 4, 4)
    weighted({"estimate_l1": 2.0})(outputs, target, target + 1, 0.0).backward()
    assert outputs["depth"].grad is None
    assert outputs["estimate"].grad is not None and float(outputs["estimate"].grad.sum()) == pytest.approx(2.0)


def test_unknown_loss_lists_the_known_ones():
    with pytest.raises(ValueError, match="'boundary', 'charbonnier'"):
        weighted({"l3": 1.0})
    with pytest.raises(ValueError, match="expected weights"):
        weighted({})

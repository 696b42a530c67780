"""What all live networks do, whatever they look at."""

import pytest
import torch
from live_networks import OPTIONS
from registered_frames import registered_frame

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.live.network import NOISE_M


@pytest.fixture(params=sorted(OPTIONS))
def model(request):
    return request.param


def _spoken(model):
    """A small network whose head says something."""
    torch.manual_seed(1)
    network = create_live_model(model, **OPTIONS[model])
    torch.nn.init.normal_(network.head.weight, std=0.3)
    torch.nn.init.normal_(network.head.bias, std=0.5)
    return network.eval()


def _beyond(network):
    """A size that holds a network's reach on both sides of the middle."""
    step = network.size_multiple
    return 2 * (network.reach // step + 2) * step


def test_untrained_network_gives_the_start_image(model):
    frame = registered_frame(batch=2)
    found = create_live_model(model, **OPTIONS[model]).eval()(*frame)
    torch.testing.assert_close(found.depth, frame[1], atol=0, rtol=2e-6)
    torch.testing.assert_close(found.blended, frame[1], atol=0, rtol=2e-6)


def test_expected_error_of_an_untrained_network_grows_with_distance_gap_and_doubt(model):
    guide, start, near, far, quality = registered_frame()
    network = create_live_model(model, **OPTIONS[model]).eval()
    sure = network(guide, start, start, start, torch.full_like(quality, 3)).error
    assert sure.min() >= 0.2 * NOISE_M
    assert (network(guide, 3 * start, 3 * start, 3 * start, torch.full_like(quality, 3)).error > sure).all()
    asked = network(guide, start, near, far, torch.full_like(quality, 3)).error
    assert (asked > sure)[near < far].all()
    assert (network(guide, start, start, start, torch.full_like(quality, 1)).error > sure).all()


@torch.inference_mode()
def test_result_lies_between_the_depths_within_reach(model):
    frame = registered_frame()
    found = _spoken(model)(*frame)
    assert not torch.allclose(found.depth, frame[1], rtol=1e-2)
    for image in (found.depth, found.blended):
        assert image.min() >= frame[2].min() * (1 - 1e-5)
        assert image.max() <= frame[3].max() * (1 + 1e-5)
    assert (found.error > 0).all()


@torch.inference_mode()
def test_blend_lies_between_near_and_far_and_is_start_where_they_are_one(model):
    guide, start, near, far, quality = registered_frame()
    blended = _spoken(model)(guide, start, near, far, quality).blended
    assert (blended >= near * (1 - 1e-5)).all() and (blended <= far * (1 + 1e-5)).all()
    same = near == far
    torch.testing.assert_close(blended[same], start[same], atol=0, rtol=2e-6)
    assert ((blended - start).abs() > 0.01)[~same].any()


@torch.inference_mode()
def test_no_pixel_moves_another_beyond_reach(model):
    network = _spoken(model)
    side = _beyond(network)
    guide, *images = registered_frame(side, 32)
    before = network(guide, *images)
    row, column = side // 2, 5
    far_away = (torch.arange(side) - row).abs() > network.reach
    for value in (torch.finfo(torch.float32).max, 1e-6, 0.1, 1000.0):
        changed = [image.clone() for image in images]
        for image in changed[:3]:
            image[0, 0, row, column] = value
        after = network(guide, *changed)
        assert after.depth.isfinite().all() and after.error.isfinite().all()
        assert (after.depth - before.depth)[:, :, far_away].abs().max() < 1e-3
        assert not torch.equal(after.depth, before.depth)


@torch.inference_mode()
def test_reach_is_no_larger_than_said_and_not_much_smaller(model):
    """By what a change of everything in one cell changes: colour, depth, hypotheses and quality."""
    network = _spoken(model)
    side = _beyond(network)
    frame = registered_frame(32, side)
    before = network(*frame).depth
    changed = [image.clone() for image in frame]
    column = side // 2
    for image, value in zip(changed, (1.0, 0.5, 0.4, 3.0, 1), strict=True):
        image[..., column] = value
    moved = (network(*changed).depth != before).any(dim=2).flatten().nonzero()
    farthest = int((moved - column).abs().max())
    assert network.reach / 2 < farthest <= network.reach


@torch.inference_mode()
def test_a_pixel_out_of_line_is_not_spread_by_the_untrained_range_weight(model):
    """Taps that differ by many units count for little even before training."""
    network = create_live_model(model, **OPTIONS[model]).eval()
    network.head.bias.data[26 * 16 : 27 * 16] = 1.0  # the kernel's share
    guide, start, *_, quality = registered_frame(32, 32)
    start = torch.full_like(start, 2.0)
    start[0, 0, 16, 16] = torch.finfo(torch.float32).max
    depth = network(guide, start, start, start, quality).depth
    beside = torch.ones_like(start, dtype=torch.bool)
    beside[0, 0, 16, 16] = False
    assert (depth - 2.0)[beside].abs().max() < 1e-3


def test_colour_decides_where_a_head_lets_it(model):
    """Pixels of the hidden part of an edge go to the surface of their colour, each by itself."""
    network = create_live_model(model, **OPTIONS[model]).eval()
    network.head.bias.data[29 * 16 : 30 * 16] = 30.0  # what colour weighs
    guide, start, near, far, quality = registered_frame()
    colour = guide.mean(dim=1, keepdim=True)
    asked = near < far
    with torch.inference_mode():
        blended = network(guide, start, near, far, quality).blended
    to_near = (blended - near).abs() < (blended - far).abs()
    assert ((colour > 0.5) == to_near)[asked].float().mean() > 0.9
    turned = torch.where(asked, near + far - start, start)
    with torch.inference_mode():
        again = network(guide, turned, near, far, torch.where(asked, 1, quality).to(torch.uint8)).blended
    assert (((again - near).abs() < (again - far).abs()) == to_near)[asked].float().mean() > 0.9


@torch.inference_mode()
def test_training_may_start_from_a_filter(model):
    guide, start, *_, quality = registered_frame()
    flat = torch.full_like(start, 2.0)
    noisy = flat * (1 + 0.003 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(6)))
    network = create_live_model(model, **OPTIONS[model]).eval()
    network.start_from_filter()
    found = network(guide, noisy, noisy, noisy, quality).depth
    assert (found - flat).abs().mean() < 0.4 * (noisy - flat).abs().mean()


def test_every_parameter_learns(model):
    """At first the heads alone, which start at zero; then everything."""
    network = create_live_model(model, **OPTIONS[model]).train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    frame = registered_frame(batch=2)
    for _ in range(2):
        found = network(*frame)
        optimiser.zero_grad()
        (found.depth.square().mean() + found.error.log().mean() + found.which.sigmoid().mean()).backward()
        optimiser.step()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert still == []


def test_a_share_that_was_pushed_below_zero_comes_back(model):
    network = create_live_model(model, **OPTIONS[model]).train()
    network.head.bias.data[26 * 16 : 27 * 16] = -0.5
    guide, start, near, far, quality = registered_frame(32, 32, batch=2)
    noisy = start * (1 + 0.01 * torch.randn(start.shape, generator=torch.Generator().manual_seed(5)))
    found = network(guide, noisy, noisy, noisy, quality)
    (found.depth - start).abs().mean().backward()
    assert network.head.bias.grad[26 * 16 : 27 * 16].mean() < 0


def test_sizes_that_do_not_fit_say_expected_and_found(model):
    guide, *images = registered_frame(60, 96)
    network = create_live_model(model, **OPTIONS[model])
    with pytest.raises(ValueError, match=rf"multiples of {network.size_multiple}, found 60x96; pad"):
        network(guide, *images)
    guide, start, *others = registered_frame()
    with pytest.raises(ValueError, match=r"start: expected \(1, 1, 64, 96\), found"):
        network(guide, start[..., 1:], *others)


def test_options_rebuild_the_network(model):
    network = create_live_model(model, **OPTIONS[model])
    again = create_live_model(model, **network.options)
    again.load_state_dict(network.state_dict())
    assert again.options == network.options

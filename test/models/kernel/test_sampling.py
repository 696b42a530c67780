"""Sampling taps straight from the image equals gathering a 15 x 15 window per pixel, as the authors' code does."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.kernel.sampling import (
    check_convention,
    gathered_taps,
    in_grid_units,
    tap_displacements,
    weighted_taps,
)


def _windowed(image, weights, offsets, align_corners):
    """The released form: zero-padded window of every pixel, taps addressed inside it, any offset."""
    batch, taps, height, width = weights.shape
    windows = F.unfold(image, 15, padding=7).transpose(1, 2).reshape(batch * height * width, 1, 15, 15)
    index = torch.arange(3.0)
    x_rest = index.repeat_interleave(3).view(1, 9, 1, 1)
    y_rest = index.repeat(3).view(1, 9, 1, 1)
    x = (7 + x_rest + offsets[:, :, 0]) * 2 / 15 - 1
    y = (7 + y_rest + offsets[:, :, 1]) * 2 / 15 - 1
    grid = torch.stack((x, y), -1).permute(0, 2, 3, 1, 4).reshape(batch * height * width, 9, 1, 2)
    samples = F.grid_sample(windows, grid, align_corners=align_corners, padding_mode="zeros")
    samples = samples.reshape(batch, height, width, taps).permute(0, 3, 1, 2)
    return (samples * weights).sum(1, keepdim=True)


def _direct(image, weights, offsets, convention):
    displacement, fade = tap_displacements(offsets, convention)
    grid = in_grid_units(displacement, *image.shape[-2:]).permute(0, 1, 3, 4, 2)
    return weighted_taps(image, weights if fade is None else weights * fade, grid, convention)


def _case(spread, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 1, 12, 17, generator=generator)
    weights = torch.rand(2, 9, 12, 17, generator=generator) - 0.5
    offsets = spread * torch.randn(2, 9, 2, 12, 17, generator=generator)
    return image, weights, offsets


@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
@pytest.mark.parametrize(("convention", "align_corners"), [("aligned_corners", True), ("half_pixel", False)])
def test_direct_taps_equal_the_windowed_form(convention, align_corners, spread):
    image, weights, offsets = _case(spread)
    expected = _windowed(image, weights, offsets, align_corners)
    torch.testing.assert_close(_direct(image, weights, offsets, convention), expected, atol=2e-5, rtol=0)


def test_centred_taps_without_offsets_are_the_three_by_three_neighbours():
    image, weights, offsets = _case(0.0)
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    expected = (F.unfold(padded, 3).reshape(2, 9, 12, 17) * weights).sum(1, keepdim=True)
    torch.testing.assert_close(_direct(image, weights, offsets, "centred"), expected, atol=1e-5, rtol=0)


def test_centred_taps_never_leave_the_window():
    displacement, fade = tap_displacements(torch.full((1, 9, 2, 3, 3), 100.0), "centred")
    assert fade is None
    assert displacement.max() <= 7
    displacement, _ = tap_displacements(torch.full((1, 9, 2, 3, 3), -100.0), "centred")
    assert displacement.min() >= -7


@pytest.mark.parametrize("side", [15, 19, 25])
def test_centred_taps_of_a_kernel_beyond_the_window_stay_at_rest(side):
    displacement, _ = tap_displacements(torch.full((1, side**2, 2, 1, 1), 3.0), "centred")
    steps = torch.arange(side) - side // 2
    x, y = displacement[0, :, :, 0, 0].reshape(side, side, 2).unbind(-1)
    assert torch.equal(x, steps.expand(side, side)) and torch.equal(y, steps[:, None].expand(side, side))


def test_offset_moves_a_tap_by_whole_pixels_in_x_and_y():
    image = torch.arange(35.0).reshape(1, 1, 5, 7)
    weights = torch.zeros(1, 9, 5, 7)
    weights[:, 4] = 1
    offsets = torch.zeros(1, 9, 2, 5, 7)
    offsets[:, 4, 0], offsets[:, 4, 1] = 2, -1
    assert _direct(image, weights, offsets, "centred")[0, 0, 2, 3] == pytest.approx(float(image[0, 0, 1, 5]), abs=1e-4)


def test_unknown_convention_names_the_known_ones():
    with pytest.raises(ValueError, match="centred"):
        check_convention("corner")


def _gathered(image, weights, offsets, convention):
    displacement, fade = tap_displacements(offsets, convention)
    by_pixel = displacement.permute(0, 1, 3, 4, 2)
    return gathered_taps(image, weights if fade is None else weights * fade, by_pixel, convention)


@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("convention", ["centred", "aligned_corners", "half_pixel"])
def test_gathering_equals_grid_sampling(convention, spread):
    image, weights, offsets = _case(spread)
    torch.testing.assert_close(
        _gathered(image, weights / 9, offsets, convention),
        _direct(image, weights / 9, offsets, convention),
        atol=1e-6,
        rtol=0,
    )


@pytest.mark.parametrize("convention", ["centred", "half_pixel"])
def test_gathering_a_phase_equals_every_fourth_pixel_of_the_whole(convention):
    image, weights, offsets = _case(1.0)
    displacement, _ = tap_displacements(offsets, convention)
    by_pixel = displacement.permute(0, 1, 3, 4, 2)
    whole = gathered_taps(image, weights, by_pixel, convention)
    phase = gathered_taps(image, weights[..., 1::4, 2::4], by_pixel[:, :, 1::4, 2::4], convention, first=(1, 2), step=4)
    torch.testing.assert_close(phase, whole[..., 1::4, 2::4], atol=1e-7, rtol=0)

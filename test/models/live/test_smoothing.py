"""Kernels with growing taps."""

import torch

from depth_sr_ros.models.live.smoothing import REACH, TAPS, smoothed, taps_of


def test_taps_are_neighbours_and_means_around_the_pixel():
    image = torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(2))
    taps = taps_of(image)[0, :, 20, 25]
    plane = image[0, 0]
    neighbours = [plane[20 + y, 25 + x] for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    means = [
        plane[20 + s * y - s // 2 : 21 + s * y + s // 2, 25 + s * x - s // 2 : 26 + s * x + s // 2].mean()
        for s in (3, 9)
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    ]
    torch.testing.assert_close(taps, torch.stack([*neighbours, *means]))
    assert len(taps) == TAPS


def test_image_is_repeated_beyond_its_border():
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    padded = torch.nn.functional.pad(image, (16,) * 4, mode="replicate")
    torch.testing.assert_close(taps_of(image), taps_of(padded)[:, :, 16:-16, 16:-16])


def test_kernel_without_opinion_averages_what_is_alike_and_keeps_a_step():
    generator = torch.Generator().manual_seed(4)
    step = torch.zeros(1, 1, 64, 64)
    step[..., 32:] = 1.0
    noisy = step + 0.005 * torch.randn(step.shape, generator=generator)
    one, unit = torch.ones_like(step), torch.full_like(step, 0.01)
    result = noisy + smoothed(noisy, torch.zeros(1, TAPS, 64, 64), one, one, unit)
    assert (result - step).abs().mean() < 0.4 * (noisy - step).abs().mean()
    assert (result - step).abs().max() < 0.02


def test_nothing_beyond_reach_counts():
    image = torch.zeros(1, 1, 64, 64)
    image[0, 0, 32, 32] = 1
    assert taps_of(image)[0, :, :, 32].amax(0).nonzero().flatten().tolist() == list(range(32 - REACH, 33 + REACH))

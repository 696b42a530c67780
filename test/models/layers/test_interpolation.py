"""The package's bicubic is PIL's, in both of its forms."""

import numpy as np
import pytest
import torch
from PIL import Image

from depth_sr_ros.models.layers.interpolation import (
    PhaseUpsampler,
    keys_cubic,
    phase_weights,
    resize_bicubic,
)


def _pil(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    resized = Image.fromarray(image[0, 0].numpy()).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(resized).copy())[None, None]


@pytest.mark.parametrize("size", [(6, 8), (96, 128), (480, 640)])
def test_resize_equals_pil_down_and_up(size):
    image = torch.rand(1, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(resize_bicubic(image, size), _pil(image, *size), atol=6e-6, rtol=0)


@pytest.mark.parametrize("scale", [1, 4, 8, 16])
def test_phase_form_equals_resize_up_to_the_border(scale):
    image = torch.rand(2, 1, 7, 9, generator=torch.Generator().manual_seed(1))
    up = PhaseUpsampler(scale, keys_cubic)
    ones = torch.ones(1, 1, 7, 9)
    torch.testing.assert_close(up(image) / up(ones), resize_bicubic(image, (7 * scale, 9 * scale)), atol=2e-6, rtol=0)


def test_keys_weights_sum_to_one():
    torch.testing.assert_close(phase_weights(4, keys_cubic).sum(0), torch.ones(4))

"""JIIF's live form."""

import itertools

import pytest
import torch

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.jiif.live_jiif import CellFunction


def _by_the_equations(function, latent, guide):
    """Eqs. 1, 8 and 9 pixel by pixel, one neighbour after the other."""
    hidden, width = function.second.out_channels, latent.shape[1]
    _, _, height, wide = latent.shape
    at_pixel = function.at_pixels.weight[:, :, 0, 0].reshape(16, hidden, width)
    bias = function.at_pixels.bias.reshape(16, hidden)
    found = torch.empty(hidden, 4 * height, 4 * wide)
    for y, x in itertools.product(range(4 * height), range(4 * wide)):
        row, column = (y + 0.5) / 4 - 0.5, (x + 0.5) / 4 - 0.5
        place = y % 4 * 4 + x % 4
        codes, logits = [], []
        for r, c in itertools.product((int(row // 1), int(row // 1) + 1), (int(column // 1), int(column // 1) + 1)):
            down, right = min(max(r, 0), height - 1), min(max(c, 0), wide - 1)
            both = torch.cat((latent[0, :, down, right], guide[0, :, down, right]))
            first = at_pixel[place] @ guide[0, :, y // 4, x // 4] + bias[place]
            first = first + function.at_cells.weight[:, :, 0, 0] @ both
            first = (first + function.at_position.weight @ torch.tensor([2 * (row - r), 2 * (column - c)])).relu()
            codes.append((function.second.weight[:, :, 0, 0] @ first + function.second.bias).relu())
            logits.append(function.logit.weight[0, :, 0, 0] @ codes[-1] + function.logit.bias[0])
        weights = torch.softmax(torch.stack(logits), dim=0)
        found[:, y, x] = (weights[:, None] * torch.stack(codes)).sum(dim=0)
    return found


@torch.inference_mode()
def test_codes_are_those_of_the_equations():
    torch.manual_seed(4)
    function = CellFunction(width=3, hidden=5)
    function.at_position.weight.mul_(4)
    latent, guide = torch.randn(2, 2, 3, 3, 4).unbind(0)
    found = function(latent, guide)
    for image in range(2):
        pixels = found[image].reshape(4, 4, 5, 3, 4).permute(2, 3, 0, 4, 1).reshape(5, 12, 16)
        one = slice(image, image + 1)
        torch.testing.assert_close(pixels, _by_the_equations(function, latent[one], guide[one]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("option", ["width", "blocks", "hidden", "context"])
def test_options_that_cannot_be_are_refused(option):
    with pytest.raises(ValueError, match=f"{option}: expected 1 or more, found 0"):
        create_live_model("jiif", **{option: 0})

"""JIIF's live form: an implicit function over cells of 4 x 4 pixels, for registered depth.

Jiaxiang Tang, Xiaokang Chen, Gang Zeng, "Joint Implicit Image Function for Guided Depth Super-Resolution", ACM MM
2021, arXiv 2107.08717. As in the paper two encoders give latent codes of depth and guide, and for every pixel and each
of the four cells around it a perceptron gives a value and a logit from both codes and the relative position (eq. 8);
the pixel gets the softmax-weighted sum (eqs. 1, 9). What is this project's own:

* the grid is a quarter of the colour resolution, whatever the cameras' ratio. Its codes come from maps of the start
  image (`live.features`), and a wider view at an eighth of the resolution is added to them;
* what is interpolated is no depth but codes, from which the head says what live networks say of a pixel
  (`live.kernel_network`): a choice between two surfaces, weights of a kernel, the expected error. The last layer comes
  behind the weighted sum, and sees the 16 pixels of a cell together;
* the guide's code at a pixel is linear in its cell's features, so code and first layer are one layer;
* beyond the border the edge's cells stand in.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.jiif.edsr import EdsrEncoder
from depth_sr_ros.models.jiif.pairs import STEPS, phase_offset
from depth_sr_ros.models.live.features import BLOCK, DEPTH_CHANNELS, GUIDE_CHANNELS, PIXELS
from depth_sr_ros.models.live.kernel_network import SAID_REACH, SEEN_REACH, LiveKernelNetwork
from depth_sr_ros.models.live.layers import DILATIONS, Context
from depth_sr_ros.models.registry import register_live_model

_PHASES = [(row, column) for row in range(BLOCK) for column in range(BLOCK)]


@register_live_model("jiif")
class LiveJIIF(LiveKernelNetwork):
    """Joint implicit image function for registered depth.

    Args:
        width: channels of the latent codes.
        blocks: residual blocks of each encoder.
        hidden: width of the perceptron.
        context: channels of the part at an eighth of the resolution.

    Raises:
        ValueError: an option that is below 1.
    """

    size_multiple = 2 * BLOCK

    def __init__(self, width: int = 64, blocks: int = 4, hidden: int = 32, context: int = 64) -> None:
        options = {"width": width, "blocks": blocks, "hidden": hidden, "context": context}
        for name, value in options.items():
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, found {value!r}")
        super().__init__(PIXELS * hidden)
        self.options = options
        # encoders, neighbours, the wider view, in pixels
        self.reach = SEEN_REACH + BLOCK * (2 * blocks + 2 + 2) + 2 * BLOCK * (1 + sum(DILATIONS)) + SAID_REACH
        self.guide_encoder = EdsrEncoder(GUIDE_CHANNELS, width, blocks)
        self.depth_encoder = EdsrEncoder(DEPTH_CHANNELS, width, blocks)
        self.context = Context(2 * width, context, width)
        self.function = CellFunction(width, hidden)

    def look(self, guide: Tensor, depth: Tensor) -> Tensor:
        """See `LiveKernelNetwork`."""
        guide, depth = self.guide_encoder(guide), self.depth_encoder(depth)
        latent = depth + self.context(torch.cat((depth, guide), dim=1))
        codes: Tensor = self.function(latent, guide)
        return codes


class CellFunction(nn.Module):
    """The implicit function at the 16 pixels of every cell.

    Pixels at one place of their cells see the cells as one shifted grid, so nothing is gathered.

    Args:
        width: channels of a cell's codes.
        hidden: of the perceptron's layers, and of the codes that come out.
    """

    relative: Tensor

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.at_pixels = nn.Conv2d(width, PIXELS * hidden, 1)
        self.at_cells = nn.Conv2d(2 * width, hidden, 1, bias=False)
        self.at_position = nn.Linear(2, hidden, bias=False)
        self.second = nn.Conv2d(hidden, hidden, 1)
        self.logit = nn.Conv2d(hidden, 1, 1)
        self.register_buffer("relative", _relative_positions(), persistent=False)

    def forward(self, latent: Tensor, guide: Tensor) -> Tensor:
        """Interpolated codes of pixels.

        Args:
            latent: codes of depth, (B, width, h, w).
            guide: codes of the guide, same shape.

        Returns:
            (B, 16 * hidden, h, w), a pixel's channels side by side.
        """
        batch, _, height, width = latent.shape
        # pixels of a cell as images of a batch: every layer is a plain convolution
        pixels = self.at_pixels(guide).reshape(batch * PIXELS, -1, height, width)
        cells = F.pad(self.at_cells(torch.cat((latent, guide), dim=1)), (1, 1, 1, 1), mode="replicate")
        positions = self.at_position(self.relative).to(pixels.dtype)
        codes, logits = [], []
        for number, (down, right) in enumerate(STEPS):
            near = torch.stack([_shifted(cells, down, right, *phase) for phase in _PHASES], dim=1).flatten(0, 1)
            first = F.relu(pixels + near + positions[number].repeat(batch, 1)[:, :, None, None])
            codes.append(F.relu(self.second(first)))
            logits.append(self.logit(codes[-1]))
        with float32_on(latent.device):
            weights = torch.softmax(torch.stack([logit.float() for logit in logits]), dim=0)
        total = sum(code * weight.to(code.dtype) for code, weight in zip(codes, weights, strict=True))
        assert isinstance(total, Tensor)
        return total.reshape(batch, -1, height, width)


def _shifted(cells: Tensor, down: int, right: int, row: int, column: int) -> Tensor:
    """Of padded cells those that pixels at a place of their cell have for their first or second neighbours."""
    height, width = cells.shape[2] - 2, cells.shape[3] - 2
    y, x = 1 + down - (row < BLOCK // 2), 1 + right - (column < BLOCK // 2)
    return cells[:, :, y : y + height, x : x + width]


def _relative_positions() -> Tensor:
    """Of the pixels of a cell to their neighbours, (4, 16, 2), row and column, in half cells as in the paper."""
    centres = [(phase_offset(row, BLOCK), phase_offset(column, BLOCK)) for row, column in _PHASES]
    return torch.tensor(
        [[[2 * (y - down + (y < 0)), 2 * (x - right + (x < 0))] for y, x in centres] for down, right in STEPS]
    )

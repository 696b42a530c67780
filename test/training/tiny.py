"""Networks small enough to train in a test, and the command line that knows them: `python tiny.py train ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.registry import register_model
from training.__main__ import main


class Tiny(GuidedUpsampler):
    """Two convolutions and no batch normalisation, so that a batch can be shared exactly; drops random features."""

    samples_pixels = True

    def __init__(self, scale: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        self.scale = scale
        self.options = {"scale": scale, "dropout": dropout}
        first, last = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        self.layers = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        return start + self.layers(torch.cat((guide, start), dim=1))

    def sampled(
        self, guide: Tensor, depth_lr: Tensor, count: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        depth = self(guide, depth_lr).flatten(1)
        pixels = torch.randperm(depth.shape[1], generator=generator)[:count].expand(depth.shape[0], -1)
        return depth.gather(1, pixels), pixels


class TinyQueried(Tiny):
    """Can be asked for any positions; gives the pixel that each lies in."""

    any_position = True

    def query(self, guide: Tensor, depth_lr: Tensor, positions: Tensor) -> Tensor:
        height, width = guide.shape[-2:]
        row, column = (((positions[..., axis] + 1) / 2 * size).long() for axis, size in enumerate((height, width)))
        return self(guide, depth_lr).flatten(1).gather(1, row * width + column)


class TinyTold(Tiny):
    """Is told which cells were measured, and remembers it."""

    uses_validity = True

    def forward(self, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor | None = None) -> Tensor:
        self.told = valid_lr
        return super().forward(guide, depth_lr)


class TinyNormed(Tiny):
    """With batch normalisation, whose running statistics soon are those of the last batches."""

    def __init__(self, scale: int = 8) -> None:
        super().__init__(scale)
        self.options = {"scale": scale}
        self.layers.insert(1, nn.BatchNorm2d(8, momentum=0.5))


class TinySpoilt(Tiny):
    """Gives NaN in training from its sixth forward pass on."""

    passes = 0

    def training_outputs(self, guide: Tensor, depth_lr: Tensor) -> dict[str, Tensor]:
        self.passes += 1
        return {"depth": self(guide, depth_lr) * (torch.nan if self.passes > 5 else 1)}


class TinyPair(Tiny):
    """With a second half that estimates depth from colour, moved by a loss of its own."""

    output_names = ("depth", "estimate")

    def __init__(self, scale: int = 8) -> None:
        super().__init__(scale)
        self.options = {"scale": scale}
        self.estimation = nn.Conv2d(3, 1, 3, padding=1)

    def training_outputs(self, guide: Tensor, depth_lr: Tensor) -> dict[str, Tensor]:
        estimate = self.estimation(guide)
        start = self.start_image(depth_lr)
        depth = start + self.layers(torch.cat((guide * (1 + estimate), start), dim=1))
        return {"depth": depth, "estimate": estimate}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"super_resolution": list(self.layers.parameters()), "estimation": list(self.estimation.parameters())}


NETWORKS = {
    "tiny": Tiny, "tiny_normed": TinyNormed, "tiny_pair": TinyPair, "tiny_queried": TinyQueried,
    "tiny_spoilt": TinySpoilt,
}  # fmt: skip

if __name__ == "__main__":
    for name, network in NETWORKS.items():
        register_model(name)(network)
    sys.exit(main())

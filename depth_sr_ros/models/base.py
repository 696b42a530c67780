"""What every network of this package has in common: its two entry points and its configuration."""

from __future__ import annotations

import abc
from typing import Any

import torch
from torch import Tensor, nn

from depth_sr_ros.models.layers.interpolation import resize_bicubic


class GuidedUpsampler(nn.Module, abc.ABC):
    """Base class of the guided depth super-resolution networks.

    A network sees depth normalised to [0, 1] and dense; units, holes and the way back to metres are the frame
    graph's business (`depth_sr_ros.models.export.frame_graph`).

    Attributes:
        scale: integer ratio between guide size and low-resolution depth size.
        size_multiple: guide height and width must be multiples of this.
        uses_validity: whether `refine` and `forward` also take `valid_lr` (B, 1, h, w), 0 where low-resolution depth
            was not measured but filled.
        output_names: what `training_outputs` gives.
        float32_parts: names of submodules whose layers stay in float32 where the others run in half precision.
        half_parts: patterns of names of submodules whose layers TensorRT's 8-bit graph leaves in half precision.
        options: the constructor's options, as they go onto an artifact's card; `create_model(name, **options)`
            rebuilds the same structure.
    """

    scale: int
    size_multiple: int = 1
    uses_validity: bool = False
    output_names: tuple[str, ...] = ("depth",)
    float32_parts: tuple[str, ...] = ()
    half_parts: tuple[str, ...] = ()
    options: dict[str, Any]

    def forward(self, guide: Tensor, depth_lr: Tensor) -> Tensor:
        """Super-resolves depth.

        Args:
            guide: colour image, (B, 3, H, W), RGB in [0, 1].
            depth_lr: low-resolution depth, (B, 1, H / scale, W / scale), normalised to [0, 1], dense.

        Returns:
            Depth, (B, 1, H, W), in the normalisation of `depth_lr`. It may leave [0, 1] slightly.

        Raises:
            ValueError: a shape does not fit; the message names the expected one.
        """
        self._check_shapes(guide, depth_lr)
        return self.refine(guide, depth_lr, self.start_image(depth_lr))

    def start_image(self, depth_lr: Tensor) -> Tensor:
        """Bicubic start image, (B, 1, H, W), of dense low-resolution depth (B, 1, h, w)."""
        height, width = depth_lr.shape[-2:]
        return resize_bicubic(depth_lr, (height * self.scale, width * self.scale))

    def training_outputs(self, guide: Tensor, depth_lr: Tensor) -> dict[str, Tensor]:
        """What a training loss may supervise, by name.

        Takes the arguments of `forward`. `depth` is always there and is what `forward` returns; a network with side
        outputs adds them under names of its own, and says so in `output_names`.
        """
        return {"depth": self(guide, depth_lr)}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the optimiser that moves them; one group unless the paper trains with several optimisers."""
        return {"all": list(self.parameters())}

    @abc.abstractmethod
    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """As `forward`, with the start image (B, 1, H, W) given by the caller."""

    def _check_shapes(self, guide: Tensor, depth_lr: Tensor) -> None:
        if guide.dim() != 4 or guide.shape[1] != 3:
            raise ValueError(f"guide: expected (B, 3, H, W), found {tuple(guide.shape)}")
        batch, _, height, width = guide.shape
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"guide: height and width must be multiples of {self.size_multiple}, found {height}x{width}; "
                "pad the image"
            )
        expected = (batch, 1, height // self.scale, width // self.scale)
        if tuple(depth_lr.shape) != expected or height % self.scale or width % self.scale:
            raise ValueError(
                f"depth_lr: expected {expected} for guide {height}x{width} at scale {self.scale}, "
                f"found {tuple(depth_lr.shape)}"
            )


def float32_on(device: torch.device | str) -> torch.autocast:
    """Context in which automatic mixed precision is off, for the steps that must stay in float32."""
    return torch.autocast(device_type=torch.device(device).type, enabled=False)

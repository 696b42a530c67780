"""What every network of this package has in common: its two entry points and its configuration."""

from __future__ import annotations

import abc
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor, nn

from depth_sr_ros.models.layers.guide import check_guide
from depth_sr_ros.models.layers.interpolation import resize_bicubic

Sampler = Literal["grid_sample", "gather"]
"""How an image is read between its pixels.

* `grid_sample`: PyTorch's operator, which engines have too; the form for training and for CPUs.
* `gather`: four reads at whole positions, and their weighted sum. For exported graphs that meet an engine whose
  `GridSample` cannot be trusted.
"""


class GuidedUpsampler(nn.Module, abc.ABC):
    """Base class of the guided depth super-resolution networks.

    A network sees depth normalised to [0, 1] and dense; units, holes and the way back to metres are the frame
    graph's business (`depth_sr_ros.models.export.frame_graph`).

    What a network can do beyond `forward` is declared here, never found out by looking for a method: a network that
    overrides `sampled` sets `samples_pixels`, one that overrides `query` and `upsample` sets `any_position`, one that
    overrides `training_outputs` names them in `output_names`, and one that carries layers for training alone overrides
    `deployed`. A new network declares only what it has.

    Attributes:
        scale: integer ratio between guide size and low-resolution depth size.
        size_multiple: guide height and width must be multiples of this.
        uses_validity: whether `refine` and `forward` also take `valid_lr` (B, 1, h, w), 0 where low-resolution depth
            was not measured but filled.
        output_names: what `training_outputs` gives.
        samples_pixels: whether `sampled` can evaluate a random subset of the pixels, which makes training affordable.
        any_position: whether `query` and `upsample` can evaluate any position and any size.
        guide_multiple: where `any_position`, height and width of the guide must be multiples of this.
        float32_parts: names of submodules whose layers stay in float32 where the others run in half precision.
        half_parts: patterns of names of submodules whose layers TensorRT's 8-bit graph leaves in half precision.
        options: the constructor's options, as they go onto an artifact's card; `create_model(name, **options)`
            rebuilds the same structure.
    """

    scale: int
    size_multiple: int = 1
    uses_validity: bool = False
    output_names: tuple[str, ...] = ("depth",)
    samples_pixels: bool = False
    any_position: bool = False
    guide_multiple: int = 1
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

    def deployed(self) -> GuidedUpsampler:
        """The network as it serves: without what only training needs. The network itself, unless it says otherwise."""
        return self

    def sampled(
        self, guide: Tensor, depth_lr: Tensor, count: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Evaluates random pixels only, for networks with `samples_pixels`; the values are those of `forward` there.

        Args:
            guide: see `forward`.
            depth_lr: see `forward`.
            count: pixels per image.
            generator: source of randomness, on the CPU.

        Returns:
            Depth at the pixels, (B, count), and their indices row by row, (B, count), int64: the target's share is
            `target.flatten(1).gather(1, indices)`.

        Raises:
            ValueError: the network evaluates whole images only, or the arguments do not fit.
        """
        self._evaluates_whole_images("samples_pixels")

    def query(self, guide: Tensor, depth_lr: Tensor, positions: Tensor) -> Tensor:
        """Evaluates any positions, for networks with `any_position`.

        The guide may have any size from the depth's upwards.

        Args:
            guide: (B, 3, H, W), RGB in [0, 1].
            depth_lr: (B, 1, h, w), normalised, dense.
            positions: (B, N, 2), row and column, each in [-1, 1] from edge to edge of the image; the middle of guide
                row r lies at (2 r + 1) / H - 1.

        Returns:
            Depth, (B, N).

        Raises:
            ValueError: the network evaluates whole images only, or a shape does not fit.
        """
        self._evaluates_whole_images("any_position")

    def upsample(self, guide: Tensor, depth_lr: Tensor) -> Tensor:
        """Super-resolves depth to a guide of any size, for networks with `any_position`.

        Args:
            guide: (B, 3, H, W), RGB in [0, 1].
            depth_lr: (B, 1, h, w), normalised, dense; h <= H and w <= W.

        Returns:
            Depth, (B, 1, H, W). Where H / h = W / w = `scale`, this is what `forward` gives.

        Raises:
            ValueError: the network evaluates whole images at its own scale only, or a shape does not fit.
        """
        self._evaluates_whole_images("any_position")

    def use_sampler(self, sampler: Sampler) -> None:
        """Chooses how the exported graph samples; nothing to choose for a network that does not sample."""
        return None

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the optimiser that moves them; one group unless the paper trains with several optimisers."""
        return {"all": list(self.parameters())}

    @abc.abstractmethod
    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """As `forward`, with the start image (B, 1, H, W) given by the caller."""

    def _evaluates_whole_images(self, capability: str) -> NoReturn:
        raise ValueError(
            f"{type(self).__name__} evaluates whole images at scale {self.scale} only; expected a network with "
            f"`{capability}`"
        )

    def _check_shapes(self, guide: Tensor, depth_lr: Tensor) -> None:
        batch, height, width = check_guide(guide, self.size_multiple)
        expected = (batch, 1, height // self.scale, width // self.scale)
        if tuple(depth_lr.shape) != expected or height % self.scale or width % self.scale:
            raise ValueError(
                f"depth_lr: expected {expected} for guide {height}x{width} at scale {self.scale}, "
                f"found {tuple(depth_lr.shape)}"
            )


def float32_on(device: torch.device | str) -> torch.autocast:
    """Context in which automatic mixed precision is off, for the steps that must stay in float32."""
    return torch.autocast(device_type=torch.device(device).type, enabled=False)

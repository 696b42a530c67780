"""DADA, guided super-resolution by deep anisotropic diffusion.

Nando Metzger, Rodrigo Caye Daudt, Konrad Schindler, "Guided Depth Super-Resolution by Deep Anisotropic Diffusion",
CVPR 2023, arXiv 2211.11592. A network sees the guide and the up-sampled depth and gives 64 features per pixel; how far
they differ between neighbours decides how freely depth diffuses there (eq. 2); diffusion (eq. 1), held to the source's
block means (eq. 3), is run to its equilibrium. The result's block means are the low-resolution depth, exactly.

Where paper and released code differ, the code is followed and the paper an option: the distance of features is the
mean absolute difference (paper: Euclidean); the network runs at twice the image's size; 8000 + 1024 steps (paper:
about 8000). The adjustment multiplies, so depth must be positive: as in the release, an image whose smallest depth is
0.1 or less is diffused 0.1 higher; here the shift is decided for each image rather than for the batch, and is as much
larger as depth is negative. The release starts from a scattered cubic interpolation, here the bicubic start image of
all networks takes its place; the paper measures no difference even to a constant. The release sees depth in millimetres
over the data set's deviation; here it is normalised to [0, 1] like every network's, which changes what depth weighs
among the features against kappa, and the level at which the adjustment multiplies.

Two ways to the equilibrium. `plain` steps as published, trained as published: a random number of steps without
gradient, then `gradient_iterations` steps back-propagated. `accelerated`: steps with momentum to the same equilibrium
and its implicit gradient (`depth_sr_ros.models.dada.equilibrium`), far cheaper, for training and evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.dada.diffusion import CoefficientForm, Coefficients, check_form, edge_coefficients, iterate
from depth_sr_ros.models.dada.equilibrium import Solver, equilibrium, equilibrium_in_graph, pace_of
from depth_sr_ros.models.layers import imagenet
from depth_sr_ros.models.layers.resnet import LEVELS
from depth_sr_ros.models.layers.resnet_unet import ResNetUNet
from depth_sr_ros.models.registry import register_model

Initialisation = Literal["bicubic", "nearest", "constant"]

_KAPPA = 0.03
_LIFT = 0.1


@register_model("dada")
class DADA(GuidedUpsampler):
    """Deep anisotropic diffusion with adjustment.

    Args:
        scale: integer ratio between guide and depth, the side of a block.
        learned: True for the network; False for the learning-free variant, whose features are the normalised guide and
            the start image and whose kappa is 0.03.
        iterations: plain steps without gradient.
        gradient_iterations: plain steps that follow, back-propagated in training; the learning-free variant has none.
        initialisation: start of the diffusion; what the network sees is the bicubic start image in any case.
        coefficients: `code` or `paper`, see `depth_sr_ros.models.dada.diffusion.edge_coefficients`.
        network_resolution: 2 runs the network at twice the image's size, as released; 1 at the image's size, for a
            quarter of the arithmetic. The parameters are the same.
        encoder_levels: 5 for the whole ResNet-50, as published. 4 leaves out its last stage and two thirds of the
            parameters, 3 the last two and 94 % of them, see `depth_sr_ros.models.layers.resnet_unet.ResNetUNet`.
        solver: `plain` or `accelerated`, in evaluation mode.
        training_solver: the same in training mode.
        accelerated_iterations: steps of the accelerated solver.
        adjoint_iterations: accelerated steps of its backward pass.
    """

    uses_validity = True
    float32_parts = ("network.head",)

    def __init__(
        self,
        scale: int = 8,
        learned: bool = True,
        iterations: int = 8000,
        gradient_iterations: int = 1024,
        initialisation: Initialisation = "bicubic",
        coefficients: CoefficientForm = "code",
        network_resolution: int = 2,
        solver: Solver = "plain",
        training_solver: Solver = "plain",
        accelerated_iterations: int = 256,
        adjoint_iterations: int = 128,
        encoder_levels: int = 5,
    ) -> None:
        super().__init__()
        if initialisation not in get_args(Initialisation):
            raise ValueError(f"initialisation: expected one of {get_args(Initialisation)}, found {initialisation!r}")
        if network_resolution not in (1, 2):
            raise ValueError(f"network_resolution: expected 1 or 2, found {network_resolution!r}")
        if encoder_levels not in range(2, LEVELS + 1):
            raise ValueError(f"encoder_levels: expected 2 to {LEVELS}, found {encoder_levels!r}")
        pace_of(solver, 1), pace_of(training_solver, 1)
        self.options = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self.scale = int(scale)
        self.learned = bool(learned)
        self.iterations, self.gradient_iterations = int(iterations), int(gradient_iterations)
        self.accelerated_iterations, self.adjoint_iterations = int(accelerated_iterations), int(adjoint_iterations)
        self.initialisation = initialisation
        self.coefficients = check_form(coefficients)
        self.network_resolution = network_resolution
        self.solver, self.training_solver = solver, training_solver
        # a faster form of the same steps may stand here
        self.solve: Callable[..., Tensor] = equilibrium
        self.normalise = imagenet.Normalisation()
        self.network: ResNetUNet | None = None
        if self.learned:
            self.network = ResNetUNet(levels=encoder_levels)
            self.log_kappa = nn.Parameter(torch.log(torch.tensor(_KAPPA)))
            self.size_multiple = self.network.size_multiple // network_resolution

    def forward(self, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor | None = None) -> Tensor:
        """As `GuidedUpsampler.forward`; cells where `valid_lr` (B, 1, h, w) is 0 are not held to `depth_lr`."""
        self._check_shapes(guide, depth_lr)
        return self.refine(guide, depth_lr, self.start_image(depth_lr), valid_lr)

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor, valid_lr: Tensor | None = None) -> Tensor:
        """Diffuses from the start image (B, 1, H, W)."""
        with float32_on(guide.device):
            depth_lr, start = depth_lr.float(), start.float()
            lowest = depth_lr.amin(dim=(1, 2, 3), keepdim=True)
            lift = torch.where(lowest <= _LIFT, _LIFT + F.relu(-lowest), torch.zeros_like(lowest))
            source, start = depth_lr + lift, start + lift
        flow = self.edge_coefficients(guide, start)
        with float32_on(guide.device):
            return self._diffuse(self._first_image(source, start), source, flow, valid_lr) - lift

    def edge_coefficients(self, guide: Tensor, start: Tensor) -> Coefficients:
        """Diffusion coefficients from guide (B, 3, H, W) and positive start image (B, 1, H, W)."""
        normalised = self.normalise(guide)
        if self.network is None:
            return edge_coefficients(torch.cat([normalised, start], dim=1), _KAPPA, self.coefficients)
        features = self._features(normalised, start - start.mean(dim=(1, 2, 3), keepdim=True))
        with float32_on(guide.device):
            return edge_coefficients(features, self.log_kappa.exp(), self.coefficients)

    def _features(self, guide: Tensor, start: Tensor) -> Tensor:
        """(B, 64, H, W) float32."""
        assert self.network is not None
        image = torch.cat([guide, start], dim=1)
        if self.network_resolution == 2:
            image = F.interpolate(image, scale_factor=2.0, mode="bicubic", align_corners=False)
        decoded = self.network(image.contiguous(memory_format=torch.channels_last))
        # differences of features near kappa = 0.03 would drown in the rounding of bfloat16
        with float32_on(guide.device):
            decoded = decoded.float()
            features: Tensor = (
                self.network.head(decoded) if self.network_resolution == 1 else self.network.pooled_head(decoded)
            )
            return features

    def _first_image(self, source: Tensor, start: Tensor) -> Tensor:
        if self.initialisation == "bicubic":
            return start
        if self.initialisation == "nearest":
            return F.interpolate(source, scale_factor=float(self.scale), mode="nearest")
        return source.mean(dim=(1, 2, 3), keepdim=True).expand_as(start)

    def _diffuse(self, first: Tensor, source: Tensor, flow: Coefficients, valid: Tensor | None) -> Tensor:
        if torch.compiler.is_exporting():
            steps = self._evaluation_steps()
            return equilibrium_in_graph(first, source, flow, self.scale, steps, solver=self.solver, valid=valid)
        if not self.training:
            return self.solve(first, source, flow, self._evaluation_steps(), solver=self.solver, valid=valid)
        if self.training_solver == "accelerated":
            steps, adjoint_steps = self.accelerated_iterations, self.adjoint_iterations
            return equilibrium(first, source, flow, steps, adjoint_steps=adjoint_steps, valid=valid)
        with torch.no_grad():
            steps = int(torch.randint(self.iterations, ())) if self.iterations else 0
            before = equilibrium(first, source, flow, steps, solver="plain", valid=valid)
        return iterate(before, source, flow, self.scale, self._gradient_steps(), valid)

    def _gradient_steps(self) -> int:
        return self.gradient_iterations if self.learned else 0

    def _evaluation_steps(self) -> int:
        if self.solver == "accelerated":
            return self.accelerated_iterations
        return self.iterations + self._gradient_steps()

"""Guided anisotropic diffusion held to a low-resolution source: coefficients, flux step, adjustment step, iteration.

Nando Metzger, Rodrigo Caye Daudt, Konrad Schindler, "Guided Depth Super-Resolution by Deep Anisotropic Diffusion",
CVPR 2023, arXiv 2211.11592, eqs. 1-3. Depth flows between neighbouring pixels, little across edges of the guide; after
every step each s x s block is rescaled so that its mean is the source value again. What is wanted is the equilibrium.
`depth_sr_ros.models.dada.equilibrium` reaches the same one in far fewer steps.

Planes: `image` is (B, 1, H, W), `source` (B, 1, H / s, W / s), both positive; `vertical` (B, 1, H - 1, W) and
`horizontal` (B, 1, H, W - 1) hold the coefficient of each pair of neighbours, in (0, 1].
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

CoefficientForm = Literal["code", "paper"]

RATE = 0.24
"""Share of a difference that flows in one step where the coefficient is 1; stable below 1/4."""

_TINY = 1e-8


class Coefficients(NamedTuple):
    """How freely depth flows between neighbours: `vertical` (B, 1, H - 1, W), `horizontal` (B, 1, H, W - 1)."""

    vertical: Tensor
    horizontal: Tensor


def check_form(form: str) -> CoefficientForm:
    """Returns `form` if it names a coefficient form, else raises ValueError with the names there are."""
    for known in get_args(CoefficientForm):
        if form == known:
            return known
    raise ValueError(f"coefficients: expected one of {get_args(CoefficientForm)}, found {form!r}")


def edge_coefficients(features: Tensor, kappa: Tensor | float, form: CoefficientForm = "code") -> Coefficients:
    """Diffusion coefficients from the features of neighbouring pixels.

    Args:
        features: (B, C, H, W).
        kappa: distance at which the coefficient is one half.
        form: `code`: 1 / (1 + d^2 / kappa^2) with d the mean over channels of the absolute difference, as released;
            `paper`: eq. 2, with d the Euclidean distance.
    """
    down = features[:, :, 1:] - features[:, :, :-1]
    right = features[..., 1:] - features[..., :-1]
    return Coefficients(_conductance(down, kappa, form), _conductance(right, kappa, form))


def flux_step(image: Tensor, coefficients: Coefficients, rate: float = RATE) -> Tensor:
    """Eq. 1: moves depth between neighbours, both directions from the same image; none leaves through the border."""
    down = rate * coefficients.vertical * (image[:, :, 1:] - image[:, :, :-1])
    right = rate * coefficients.horizontal * (image[..., 1:] - image[..., :-1])
    gained = F.pad(down, (0, 0, 0, 1)) - F.pad(down, (0, 0, 1, 0))
    return image + gained + (F.pad(right, (0, 1)) - F.pad(right, (1, 0)))


def adjust(image: Tensor, source: Tensor, scale: int, valid: Tensor | None = None) -> Tensor:
    """Eq. 3: rescales each block of side `scale` to the source's mean, except where `valid` (like `source`) is 0."""
    batch, _, height, width = source.shape
    ratio = source / (F.avg_pool2d(image, scale) + _TINY)
    if valid is not None:
        ratio = torch.where(valid > 0, ratio, torch.ones_like(ratio))
    blocks = image.reshape(batch, height, scale, width, scale) * ratio.reshape(batch, height, 1, width, 1)
    return blocks.reshape(image.shape)


def iterate(
    image: Tensor, source: Tensor, coefficients: Coefficients, scale: int, steps: int, valid: Tensor | None = None
) -> Tensor:
    """`steps` times a flux step and an adjustment; differentiable in everything, at memory for every step."""
    for _ in range(steps):
        image = adjust(flux_step(image, coefficients), source, scale, valid)
    return image


def _conductance(difference: Tensor, kappa: Tensor | float, form: CoefficientForm) -> Tensor:
    if form == "paper":
        squared = difference.square().sum(dim=1, keepdim=True)
    else:
        squared = difference.abs().mean(dim=1, keepdim=True).square()
    return 1 / (1 + squared / kappa**2)

"""Images as problems: colour and low-resolution depth to give to a method, and the truth to measure its answer by."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.datasets.coarse import scene_of
from training.datasets.pairs import Pair, read_levels, value_range
from training.datasets.units import centimetres, metres_per_unit
from training.degradation import Observation, Scene, bicubic_down, by_frame, degradation, masked_box_down
from training.networks.devices import full_precision
from training.networks.validity import ask

Method = Callable[..., Tensor]
"""(guide (1, 3, H, W), depth_lr (1, 1, h, w)) -> depth (1, 1, H, W), all normalised; see also `networks.validity`."""

_TILE = 256


@dataclass(frozen=True)
class Case:
    """An image, or its tiles, as a protocol poses it.

    Attributes:
        guide: (N, 3, H, W) RGB in [0, 1].
        seen: normalised low-resolution depth with its holes, (N, 1, h, w).
        target: (N, 1, H, W) in the protocol's unit.
        valid: (N, 1, H, W) bool, where `target` counts.
        low: value that normalised 0 stands for.
        span: value of normalised 1, less `low`.
        clamped: whether results are kept between normalised 0 and 1, as the frame graph keeps them.
        scale: ratio of the two resolutions; where it is no whole number, that of the sides up to rounding.
    """

    guide: Tensor
    seen: Observation
    target: Tensor
    valid: Tensor
    low: float
    span: float
    scale: float
    clamped: bool = False

    @torch.inference_mode()
    def answer(self, method: Method) -> Tensor:
        """A method's result in the protocol's unit, (N, 1, H, W); tiles are given to it one by one.

        A method that asks for it receives which cells were measured, as in the node; see `training.networks.validity`.
        """
        depth_lr = self.seen.filled()
        run = _fitting if is_whole(self.scale) else _run
        with full_precision():
            tiles = [
                run(method, guide[None], depth[None], valid[None])
                for guide, depth, valid in zip(self.guide, depth_lr, self.seen.valid, strict=True)
            ]
        result = torch.cat(tiles)
        return (result.clamp(0, 1) if self.clamped else result) * self.span + self.low


def is_whole(scale: float) -> bool:
    """Whether a scale takes cells of whole pixels."""
    return scale == int(scale)


def pose_bicubic(pair: Pair, scale: float) -> Case:
    """`pose_degraded` by bicubic, at any scale; between whole ones nothing is cropped, the sides are rounded."""
    if is_whole(scale):
        return pose_degraded(pair, int(scale), "bicubic")
    low, high = _range(pair)
    guide, target, valid = _tensors(pair, pair.target, 1)
    size = [max(1, round(side / scale)) for side in target.shape[-2:]]
    seen = Observation.complete(resize_bicubic((target - low) / (high - low), size))
    return _case(Truth(guide, target, valid, (low, high), unit_of(pair)[1]), seen, scale)


def pose_saliency(pair: Pair, scale: int) -> Case:
    """A map from 0 to 1, whatever its file counts to, reduced by bicubic; all of it is known."""
    high = max(float(pair.target.max()), 1e-6)
    guide, target, valid = _tensors(pair, pair.target / np.float32(high), scale)
    return Case(guide, Observation.complete(bicubic_down(target, scale)), target, valid, 0.0, 1.0, scale)


def pose_degraded(pair: Pair, scale: int, name: str) -> Case:
    """The case of DKN's code with any degradation.

    Depth is normalised by the ground truth's range before cropping, or by the low-resolution depth's own where that
    stands for a sensor's. Random numbers depend on the image's name and the scale alone.

    Args:
        pair: image.
        scale: ratio of the two resolutions.
        name: see `training.degradation`.
    """
    low, high = _range(pair)
    guide, target, valid = _tensors(pair, pair.target, scale)
    scene = scene_of(pair.entry, low, high, guide, valid)
    rng = np.random.default_rng([zlib.crc32(pair.entry.name.encode()), scale])
    truth = Truth(guide, target, valid, (low, high), unit_of(pair)[1])
    return degraded_case(truth, scene, scale, name, rng)


@dataclass(frozen=True)
class Truth:
    """An image whose ground truth is to be reduced.

    Attributes:
        guide: (1, 3, H, W) RGB in [0, 1]; sides are multiples of the scale.
        target: (1, 1, H, W), filled in holes.
        valid: (1, 1, H, W) bool, where `target` is real ground truth.
        span: values of `target` that normalised 0 and 1 stand for.
        factor: how many of the unit in which errors are reported make one of `target`'s.
    """

    guide: Tensor
    target: Tensor
    valid: Tensor
    span: tuple[float, float] = (0.0, 1.0)
    factor: float = 1.0


def degraded_case(truth: Truth, scene: Scene, scale: int, name: str, rng: np.random.Generator) -> Case:
    """What cards and `dev_ratio` have in common: depth is reduced, and pixels of unmeasured cells do not count.

    Depth that stands for a sensor's is normalised by its own range, and results are kept within it.

    Args:
        truth: image.
        scene: what noise may know of it.
        scale: ratio of the two resolutions.
        name: see `training.degradation`.
        rng: source of the noise.
    """
    low, high = truth.span
    seen = degradation(name).observe((truth.target - low) / (high - low), scale, rng, scene)
    counted = replace(truth, valid=truth.valid & _enlarged(seen.valid, scale))
    return _case(counted, seen, scale, by_frame(name))


def _case(truth: Truth, seen: Observation, scale: float, own_range: bool = False) -> Case:
    """A case in the unit that the papers report.

    Args:
        truth: image; its `valid` is the case's.
        seen: normalised by the ground truth's range.
        scale: see `Case`.
        own_range: normalise by the range of `seen` instead, as the frame graph does, and keep results within it.
    """
    (low, high), factor = truth.span, truth.factor
    span = high - low
    if own_range:
        seen, seen_low, seen_span = seen.as_frame()
        low, span = low + float(seen_low) * span, float(seen_span) * span
    return Case(
        truth.guide, seen, truth.target * factor, truth.valid, low * factor, span * factor, scale, clamped=own_range
    )


def unit_of(pair: Pair) -> tuple[str, float]:
    """The unit in which errors of a pair are reported, and how many of it make one of the ground truth's."""
    if pair.entry.dataset == "sintel":
        low, high = _range(pair)
        return "1/255 of range", 255 / (high - low)
    if pair.entry.kind == "depth":
        metres = metres_per_unit(pair.entry)
        return ("", 1.0) if metres is None else ("cm", 100 * metres)
    return ("px", 1.0) if pair.entry.unit.startswith(("disparity px", "disparity pixel")) else ("levels", 1.0)


def _range(pair: Pair) -> tuple[float, float]:
    return value_range(pair, pair.target)


def pose_by_jiif(pair: Pair, scale: int) -> Case:
    """Bicubic, then noise by JIIF eq. 11."""
    step = "inverse:651" if pair.entry.kind == "disparity" else "proportional:0.04"
    return pose_degraded(pair, scale, f"bicubic+{step}")


def pose_from_file(pair: Pair, scale: int) -> Case:
    """The published noisy low-resolution file beside the ground truth, `SCENE_noisy_lr_xSCALE.png`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its size does not fit.
    """
    path = pair.entry.gt.with_name(pair.entry.gt.name.replace("_gt.", f"_noisy_lr_x{scale}."))
    if not path.is_file() or path == pair.entry.gt:
        raise FileNotFoundError(
            f"{path}: the protocol noisy-middlebury needs the published noisy low-resolution file beside the ground "
            "truth; for other scenes take jiif-noisy"
        )
    return _posed_with(pair, read_levels(path), scale, str(path))


def pose_from_sensor(pair: Pair, scale: int) -> Case:
    """The low-resolution depth that the data set itself has.

    Raises:
        ValueError: it has none, or of another size.
    """
    if pair.entry.read_low is None:
        raise ValueError(f"{pair.entry.dataset}: no low-resolution depth of its own, which `recorded` needs")
    return _posed_with(pair, pair.entry.read_low(pair.entry), scale, f"{pair.entry.name}, low-resolution depth")


def _posed_with(pair: Pair, depth_lr: NDArray[np.float32], scale: int, what: str) -> Case:
    """The case of given low-resolution depth (h, w) in the ground truth's unit; 0 and NaN are holes.

    It is normalised as the node would normalise it.
    """
    low, high = _range(pair)
    guide, target, valid = _tensors(pair, pair.target, scale)
    if depth_lr.shape != (target.shape[-2] // scale, target.shape[-1] // scale):
        raise ValueError(f"{what}: expected 1/{scale} of {tuple(target.shape[-2:])}, found {depth_lr.shape}")
    known = torch.from_numpy(np.isfinite(depth_lr) & (depth_lr > 0))[None, None]
    values = (torch.from_numpy(np.nan_to_num(depth_lr))[None, None].float() - low) / (high - low)
    seen = Observation(values, known.float())
    counted = valid & _enlarged(seen.valid, scale)
    return _case(Truth(guide, target, counted, (low, high), unit_of(pair)[1]), seen, scale, own_range=True)


def pose_by_dada(pair: Pair, scale: int) -> Case:
    """Block means of metric depth in centimetres, in tiles; tiles without any valid pixel are left out.

    Raises:
        ValueError: no whole number of cells fits into a tile's side.
    """
    if _TILE % scale and max(pair.target.shape) >= _TILE:
        raise ValueError(f"dada: expected a scale that divides the side of its tiles, {_TILE} pixels, found {scale}")
    depth = centimetres(pair)
    low, high = value_range(pair, depth)
    guide, target, valid = (_tiles(image) for image in _tensors(pair, depth, scale))
    some = valid.flatten(1).any(dim=1)
    guide, target, valid = guide[some], target[some], valid[some]
    seen = Observation(*masked_box_down((target - low) / (high - low), valid, scale))
    return Case(guide, seen, target, valid, low, high - low, scale)


def _tensors(pair: Pair, depth: NDArray[np.float32], scale: int) -> tuple[Tensor, Tensor, Tensor]:
    """Guide (1, 3, H, W), target and valid (1, 1, H, W), cropped at bottom and right to a multiple of the scale."""
    height, width = (n - n % scale for n in depth.shape)
    if not height or not width:
        wide, high = depth.shape[::-1]
        raise ValueError(
            f"{pair.entry.dataset} {pair.entry.name}: expected an image of at least {scale}x{scale} pixels, "
            f"found {wide}x{high}; leave it out or take a smaller scale"
        )
    guide = torch.from_numpy(pair.rgb[:height, :width]).permute(2, 0, 1)[None].float() / 255
    target = torch.from_numpy(np.ascontiguousarray(depth[:height, :width], np.float32))[None, None]
    return guide, target, torch.from_numpy(np.ascontiguousarray(pair.valid[:height, :width]))[None, None]


def _tiles(image: Tensor) -> Tensor:
    """(1, C, H, W) -> (N, C, 256, 256), what is left over at bottom and right dropped; a smaller image is one tile."""
    height, width = (min(n, max(_TILE, n - n % _TILE)) for n in image.shape[-2:])
    rows, columns = max(1, height // _TILE), max(1, width // _TILE)
    cut = image[0, :, :height, :width].reshape(image.shape[1], rows, height // rows, columns, width // columns)
    return cut.permute(1, 3, 0, 2, 4).reshape(rows * columns, image.shape[1], height // rows, width // columns)


def _enlarged(cells: Tensor, scale: int) -> Tensor:
    return cells.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1) > 0


def _fitting(method: Method, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Tensor:
    """Runs a method on an image whose size it may not take: edges are repeated, then cut off again."""
    height, width = guide.shape[-2:]
    scale = height // depth_lr.shape[-2]
    step = math.lcm(scale, int(getattr(method, "size_multiple", 1)))
    down, right = -height % step, -width % step
    guide = F.pad(guide, (0, right, 0, down), mode="replicate")
    cells = (0, right // scale, 0, down // scale)
    depth_lr = F.pad(depth_lr, cells, mode="replicate")
    valid_lr = F.pad(valid_lr, cells, mode="replicate")
    return _run(method, guide, depth_lr, valid_lr)[..., :height, :width]


def _run(method: Method, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Tensor:
    """Runs a method on its device."""
    device = _device_of(method)
    return ask(method, guide.to(device), depth_lr.to(device), valid_lr.to(device)).float().cpu()


def _device_of(method: Method) -> torch.device:
    if isinstance(method, nn.Module):
        for tensor in (*method.parameters(), *method.buffers()):
            return tensor.device
    return torch.device("cpu")

"""How the authors' checkpoints are laid out, and what becomes of each tensor here.

Names and shapes are those of the public projects: cvlab-yonsei/dkn (FDKN, DKN), ashawkey/jiif (JIIF),
zhwzhong/Guided-Depth-Map-Super-resolution-A-Survey (DAGF), prs-eth/Diffusion-Super-Resolution (DADA).
"""

from __future__ import annotations

import re
from typing import Any

from depth_sr_ros.models.released.checkpoint import ReleasedError
from depth_sr_ros.models.released.layout import ImportSettings, Layout, State


def _highest(state: State, pattern: str) -> int:
    """Largest number that `pattern` captures in a name; -1 if none matches."""
    return max((int(m[1]) for name in state if (m := re.match(pattern, name))), default=-1)


def _kernel_rules() -> tuple[tuple[str, str], ...]:
    """Layers of both kernel networks; their n-th convolution and its normalisation by position here."""
    places = {"1": 0, "1_bn": 1, "2": 3, "3": 5, "3_bn": 6, "4": 8, "5": 10, "5_bn": 11, "6": 13, "7": 15}
    rules = []
    for theirs, ours in (("ImageKernel", "guide_branch"), ("DepthKernel", "depth_branch")):
        rules += [(rf"{theirs}\.conv{n}\.(\w+)", rf"{ours}.features.{place}.\1") for n, place in places.items()]
        rules += [(rf"{theirs}\.conv_{head}\.(\w+)", rf"{ours}.{head}_head.\1") for head in ("weight", "offset")]
    return tuple(rules)


def _adapt_fdkn(state: State, order: str, settings: ImportSettings) -> tuple[State, dict[str, Any]]:
    taps = state["DepthKernel.conv_weight.weight"].shape[0] // 16
    maps = state["ImageKernel.conv1.weight"].shape[1] // 16 if "ImageKernel.conv1.weight" in state else 0
    guide = {0: "none", 1: "grey"}.get(maps)
    if guide is None:
        raise ReleasedError(f"ImageKernel.conv1.weight: expected 16 input channels (a grey guide), found {16 * maps}")
    return state, {"guide": guide, "sampling": "aligned_corners", "kernel_size": round(taps**0.5)}


def _adapt_dkn(state: State, order: str, settings: ImportSettings) -> tuple[State, dict[str, Any]]:
    taps = state["DepthKernel.conv_weight.weight"].shape[0]
    guide = "colour" if "ImageKernel.conv1.weight" in state else "none"
    state = _for_rgb(state, "ImageKernel.conv1.weight", order)
    return state, {"guide": guide, "sampling": "aligned_corners", "kernel_size": round(taps**0.5)}


def _adapt_jiif(state: State, order: str, settings: ImportSettings) -> tuple[State, dict[str, Any]]:
    layers = range(0, _highest(state, r"imnet\.layers\.(\d+)\.") + 1, 2)
    return state, {
        "width": state["depth_encoder.head.0.weight"].shape[0],
        "blocks": _highest(state, r"depth_encoder\.body\.(\d+)\."),
        "hidden": [state[f"imnet.layers.{n}.weight"].shape[0] for n in layers][:-1],
        "guide_statistics": order,
        "border": "zeros",
    }


def _adapt_dagf(state: State, order: str, settings: ImportSettings) -> tuple[State, dict[str, Any]]:
    taps = state["up_sample.0.depth_kernel.1.layers.weight"].shape[0]
    state = _for_rgb(state, "head.guide_head.0.layers.weight", order)
    return state, {
        "levels": _highest(state, r"up_sample\.(\d+)\.") + 1,
        "kernel_size": round(taps**0.5),
        "channels": state["head.depth_head.1.layers.weight"].shape[0],
        "residual_blocks": _highest(state, r"up_sample\.0\.inputs_conv\.(\d+)\.") + 1,
    }


def _adapt_dada(state: State, order: str, settings: ImportSettings) -> tuple[State, dict[str, Any]]:
    if settings.depth_gain is None or not settings.depth_gain > 0:
        raise ReleasedError(
            "depth_gain: expected the span of depth in a frame over the standard deviation of depth in the training "
            f"data (1.38605 m for NYU v2, 1.1227 m for Middlebury, 1.15429 m for DIML), found {settings.depth_gain}"
        )
    first = "feature_extractor.1.encoder.conv1.weight"
    weight = state[first].clone()
    weight[:, 3] *= settings.depth_gain
    return {**state, first: weight}, {"solver": "accelerated"}


def _for_rgb(state: State, layer: str, order: str) -> State:
    """The same network for RGB: turns the input channels of its first layer round if it was fed BGR."""
    return {**state, layer: state[layer].flip(1)} if order == "bgr" and layer in state else state


def _jiif_rules() -> tuple[tuple[str, str], ...]:
    rules = []
    for theirs, ours in (("image", "guide"), ("depth", "depth")):
        rules += [
            (rf"{theirs}_encoder\.head\.0\.(\w+)", rf"{ours}_encoder.head.\1"),
            (rf"{theirs}_encoder\.body\.(\d+)\.body\.0\.(\w+)", rf"{ours}_encoder.blocks.\1.first.\2"),
            (rf"{theirs}_encoder\.body\.(\d+)\.body\.2\.(\w+)", rf"{ours}_encoder.blocks.\1.second.\2"),
            (rf"{theirs}_encoder\.body\.\d+\.(weight|bias)", rf"{ours}_encoder.last.\1"),
        ]
    # every second place of theirs is an activation
    rules += [(rf"imnet\.layers\.{2 * n}\.(\w+)", rf"functions.0.layers.{n}.\1") for n in range(_MOST_LAYERS)]
    return tuple(rules)


_MOST_LAYERS = 16
_NORMED = (
    (r"layers\.(weight|bias)", "conv."),
    (r"norm\.w_0()", "norm.identity_share"),
    (r"norm\.w_1()", "norm.norm_share"),
    (r"norm\.bn\.(\w+)", "norm.norm."),
    (r"act\.(weight)", "activation."),
)


def _dagf_rules() -> tuple[tuple[str, str], ...]:
    """In order of the data: heads, pyramid, depth's way into a level, kernels, attention, residual heads."""
    rules = [
        (r"head\.(depth|guide)_head\.([01])\.layers\.(\w+)", r"\1_head.\2.\3"),
        (r"head\.(depth|guide)_head\.1\.act\.weight", r"\1_head.2.weight"),
    ]
    for theirs, ours in (("0.layers", "0"), ("0.act", "1"), ("2.layers", "3"), ("2.act", "4")):
        rules.append((rf"(\w+_pyramid\.\d+)\.layers\.{re.escape(theirs)}\.(\w+)", rf"\1.{ours}.\2"))
    rules += [
        (r"init_conv\.(\d+)\.layer1\.([01])\.(\w+)", r"levels.\1.entry.\2.\3"),
        (r"init_conv\.(\d+)\.layer2\.(\w+)", r"levels.\1.fuse.\2"),
        (r"up_sample\.(\d+)\.aff_scale_const", r"levels.\1.generator.divisor"),
    ]
    for theirs, ours in (("0.layers", "0"), ("0.act", "1"), ("1.layers", "2")):
        kernels = rf"up_sample\.(\d+)\.(depth|guide)_kernel\.{re.escape(theirs)}\.(\w+)"
        rules.append((kernels, rf"levels.\1.generator.kernels.\2.{ours}.\3"))
        blocks = rf"up_sample\.(\d+)\.inputs_conv\.(\d+)\.layers\.{re.escape(theirs)}\.(\w+)"
        rules.append((blocks, rf"levels.\1.blocks.\2.layers.{ours}.\3"))
    rules.append((r"up_sample\.(\d+)\.inputs_conv\.(\d+)\.act\.weight", r"levels.\1.blocks.\2.activation.weight"))
    before, after = r"up_sample\.(\d+)\.weight_net\.", r"levels.\1.generator.attention."
    for theirs, ours in _NORMED:
        rules += [
            (before + r"([02])\." + theirs, after + rf"\2.{ours}\3"),
            (before + r"1\.feature_transform\.(\d+)\." + theirs, after + rf"1.bottom.\2.{ours}\3"),
            (before + r"1\.((?:en|de)coder_[12])\." + theirs, after + rf"1.\2.{ours}\3"),
        ]
    for theirs, ours in (("layer1", "layer"), ("layer2", "residual")):
        rules.append((rf"p_layers\.(\d+)\.{theirs}\.([01])\.(\w+)", rf"heads.\1.{ours}.\2.\3"))
    rules.append((r"p_layers\.([1-9]\d*)\.layer3\.([01])\.(\w+)", r"heads.\1.mix.\2.\3"))
    rules.append((r"p_layers\.([1-9]\d*)\.res_scale\.scale", r"heads.\1.share"))
    return tuple(rules)


_ALIGNED = (
    "taps are where PyTorch up to 1.2 sampled them (align_corners=True); weights retrained with a later version need "
    "the option sampling=half_pixel"
)

_RANGE = (
    "the release normalised depth by the range of the ground truth, which a camera does not have; here it is that of "
    "the frame's own depth"
)

LAYOUTS: dict[str, Layout] = {
    "fdkn": Layout(
        repository="https://github.com/cvlab-yonsei/dkn",
        licence="GPL-3.0",
        marker="DepthKernel.conv6.weight",
        foreign="DepthKernel.conv7.weight",
        rules=_kernel_rules(),
        channel_orders=("bgr",),
        adapt=_adapt_fdkn,
        conventions=(
            _ALIGNED,
            "the guide is grey: luminance of what the release takes for BGR, as read by OpenCV",
            _RANGE,
        ),
    ),
    "dkn": Layout(
        repository="https://github.com/cvlab-yonsei/dkn",
        licence="GPL-3.0",
        marker="DepthKernel.conv7.weight",
        rules=_kernel_rules(),
        channel_orders=("bgr", "rgb"),
        adapt=_adapt_dkn,
        conventions=(_ALIGNED, _RANGE),
    ),
    "jiif": Layout(
        repository="https://github.com/ashawkey/jiif",
        licence="MIT",
        marker="imnet.layers.0.weight",
        rules=_jiif_rules(),
        channel_orders=("bgr", "rgb"),
        adapt=_adapt_jiif,
        conventions=(
            "neighbours outside the map are zero codes at coordinate zero",
            "the release rounds the reduced guide to 8 bits, here it is not rounded",
            _RANGE,
        ),
        unused=(r"(image|depth)_encoder\.(sub|add)_mean\.(weight|bias)",),
    ),
    "dagf": Layout(
        repository="https://github.com/zhwzhong/Guided-Depth-Map-Super-resolution-A-Survey",
        licence="MIT",
        marker="up_sample.0.aff_scale_const",
        rules=_dagf_rules(),
        channel_orders=("rgb", "bgr"),
        adapt=_adapt_dagf,
        conventions=(
            "weights belong to one degradation, `bicubic` or `nearest`; the file's name says which",
            "the release enlarges depth by PyTorch's bicubic (a = -0.75), here it is PIL's (a = -0.5), as for all",
            _RANGE,
        ),
        unused=(
            r"init_conv\.\d+\.layers\..*",
            r"tail_conv\..*",
            r"res_scale\.scale",
            r"p_layers\.0\.(layer3|res_scale)\..*",
        ),
    ),
    "dada": Layout(
        repository="https://github.com/prs-eth/Diffusion-Super-Resolution",
        licence="MIT",
        marker="logk",
        rules=(
            (r"feature_extractor\.1\.(encoder|decoder)\.(.+)", r"network.\1.\2"),
            (r"feature_extractor\.1\.segmentation_head\.0\.(\w+)", r"network.head.\1"),
            (r"logk", "log_kappa"),
        ),
        channel_orders=("rgb",),
        adapt=_adapt_dada,
        conventions=(
            "the equilibrium is found with momentum; 9024 plain steps, as released, by the options solver=plain "
            "(whose graph is a loop of as many rounds)",
            "depth was trained as block means in units of the training data's deviation and not shifted; its gain is "
            "in the first layer",
        ),
    ),
}

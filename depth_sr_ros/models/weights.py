"""Weights on disk: one safetensors file, in float32 or smaller.

`fp16` keeps matrices and kernels in half precision, `int8` as signed bytes with one scale per index of the first axis;
vectors (biases, statistics, slopes) always stay float32. What is stored is what runs: `rounded` gives the same values
to the network whose outputs become the golden frame and whose errors stand on the card.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import safetensors.torch
import torch
from torch import Tensor

Storage = Literal["fp32", "fp16", "int8"]

SCALE_SUFFIX = ":scale"
"""Added to a tensor's name for the scales of its bytes, float32, one per index of the first axis."""


def save_weights(state: Mapping[str, Tensor], path: Path, storage: Storage = "fp32") -> None:
    """Writes a state dict.

    Args:
        state: tensors by name.
        path: safetensors file.
        storage: see the module's docstring.

    Raises:
        ValueError: unknown storage, or a value that half precision cannot hold.
    """
    if storage not in get_args(Storage):
        raise ValueError(f"storage: expected one of {get_args(Storage)}, found {storage!r}")
    safetensors.torch.save_file(_stored(state, storage), path)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Reads a state dict that `save_weights` wrote; floating-point tensors come back as float32.

    Raises:
        FileNotFoundError: no such file.
    """
    return _restored(safetensors.torch.load_file(path))


def rounded(state: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """The values that `load_weights` would give back after `save_weights`."""
    return _restored(_stored(state, storage))


def _stored(state: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """The tensors of the file."""
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        if storage == "fp32" or not _is_matrix(tensor):
            stored[name] = tensor
        elif storage == "fp16":
            stored[name] = _half(name, tensor)
        else:
            stored[name], stored[name + SCALE_SUFFIX] = _bytes_and_scales(tensor)
    return stored


def _restored(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict that the tensors of a file stand for."""
    state: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        if tensor.dtype == torch.int8:
            scale = stored[name + SCALE_SUFFIX]
            tensor = tensor.float() * scale.reshape(-1, *[1] * (tensor.dim() - 1))
        state[name] = tensor.float() if tensor.is_floating_point() else tensor
    return state


def _is_matrix(tensor: Tensor) -> bool:
    return tensor.dim() >= 2 and tensor.is_floating_point()


def _half(name: str, tensor: Tensor) -> Tensor:
    half = tensor.half()
    if not half.isfinite().all():
        raise ValueError(f"{name}: half precision holds up to 65504, found {float(tensor.abs().max()):.3g}; use fp32")
    return half


def _bytes_and_scales(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values and float32 scales (first axis) whose product is nearest to the tensor."""
    flat = tensor.float().flatten(1)
    scale = flat.abs().amax(dim=1).clamp(min=1e-12) / 127
    values = torch.round(flat / scale[:, None]).clamp(-127, 127).to(torch.int8)
    return values.reshape(tensor.shape), scale

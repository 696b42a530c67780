"""Puts weights from a file into a network, and says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler, LiveNetwork
from depth_sr_ros.models.weights import load_weights


def load_into(network: GuidedUpsampler | LiveNetwork, path: Path, name: str, anew: Sequence[str] = ()) -> None:
    """Loads the weights of a run or of an artifact, however they are stored.

    Args:
        network: what they are for.
        path: safetensors file.
        name: of the network, for errors: its registry name.
        anew: patterns of names, as of files; weights of such names stay as they are in the network.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a safetensors file, or weights of another network, or a pattern that fits none of its weights;
            the message says what was expected.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the weights that `python -m training train` writes")
    try:
        state = load_weights(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a safetensors file: {error}") from error
    own = network.state_dict()
    for pattern in anew:
        kept = [key for key in own if fnmatchcase(key, pattern)]
        if not kept:
            raise ValueError(f"start_anew: expected patterns of weights of {name}, such as {next(iter(own))!r}; found "
                             f"{pattern!r}, which fits none")  # fmt: skip
        state.update({key: own[key] for key in kept})
    found = misfits(own, state)
    if found:
        raise ValueError(f"{path}: expected the weights of {name} with options {network.options}; found {found}")
    network.load_state_dict(state)


def misfits(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """What does not fit of weights from a file, in words that name the first few tensors; empty where all fits.

    Args:
        own: the state dict of what they are for.
        state: the file's.
    """
    kinds = {
        "missing": sorted(own.keys() - state.keys()),
        "unknown": sorted(state.keys() - own.keys()),
        "of another shape (expected, found)": [
            f"{key} {tuple(own[key].shape)}, {tuple(state[key].shape)}"
            for key in sorted(own.keys() & state.keys())
            if own[key].shape != state[key].shape
        ],
    }
    return "; ".join(f"{len(keys)} {what}: {', '.join(keys[:3])}" for what, keys in kinds.items() if keys)


def differing_options(network: GuidedUpsampler, other: GuidedUpsampler) -> dict[str, Any]:
    """A network's options that differ from those of another one of its kind."""
    return {key: value for key, value in network.options.items() if value != other.options[key]}

"""Reads checkpoint files of other projects, as data only."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_NESTED = ("model", "state", "state_dict", "model_state_dict", "net", "network")


class ReleasedError(ValueError):
    """A checkpoint that cannot be imported; the message says what was expected and what to change."""


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint by name.

    The file may hold them alone or, beside optimiser and log, under one of the usual names; the prefix that
    `DataParallel` puts before every name is taken off.

    Args:
        path: a file written by `torch.save`.

    Raises:
        ReleasedError: no such file, or it holds something else; objects other than tensors and numbers are refused,
            because reading them would run the file's code.
    """
    if not path.is_file():
        raise ReleasedError(f"{path}: no such file; download the authors' checkpoint first")
    try:
        # logs kept in a checkpoint may hold numpy numbers, which are data
        with torch.serialization.safe_globals(_numpy_numbers()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))
        found = f"the object {refused[1]}" if refused else "something else"
        raise ReleasedError(
            f"{path}: expected a file by torch.save with nothing but tensors and numbers, found {found}; if it is a "
            "whole network, load it in the authors' project and save its state_dict()"
        ) from error
    state = _tensors(content)
    if not state:
        raise ReleasedError(f"{path}: expected tensors by name, found {_describe(content)}")
    return state


def _tensors(content: Any) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    for name in _NESTED:
        if isinstance(content.get(name), Mapping):
            return _tensors(content[name])
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if state and all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return state


def _describe(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a mapping with the names {sorted(map(str, content))[:8]}"
    return f"an object of type {type(content).__name__}"


def _numpy_numbers() -> list[Any]:
    kinds = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    scalar = np.float64(0).__reduce__()[0]
    # files of numpy 1 name the same function by its former place
    return [np.dtype, *kinds, scalar, (scalar, "numpy.core.multiarray.scalar")]

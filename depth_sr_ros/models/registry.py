"""Finds networks by name.

A network file registers its class with the `register_model` decorator; users need only `list_models` and
`create_model`. Nothing is evaluated from strings, and a new network is covered by the registry tests by being
registered.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable
from typing import Any, TypeVar

from depth_sr_ros.models.base import GuidedUpsampler

_MODELS: dict[str, type[GuidedUpsampler]] = {}

ModelClass = TypeVar("ModelClass", bound=type[GuidedUpsampler])


def register_model(name: str) -> Callable[[ModelClass], ModelClass]:
    """Class decorator that makes a network known under `name`.

    Raises:
        ValueError: another class already holds the name.
    """

    def keep(cls: ModelClass) -> ModelClass:
        if name in _MODELS and _MODELS[name] is not cls:
            raise ValueError(f"model name {name!r} is already taken by {_MODELS[name].__name__}")
        _MODELS[name] = cls
        return cls

    return keep


def list_models(pattern: str = "*") -> list[str]:
    """Names of the registered networks that match a shell-style `pattern`, sorted."""
    return sorted(fnmatch.filter(_MODELS, pattern))


def create_model(name: str, **options: Any) -> GuidedUpsampler:
    """Builds a network with freshly initialised weights.

    Args:
        name: one of `list_models()`.
        options: the network's own options, e.g. `scale=8`; see its class.

    Raises:
        ValueError: no such network; the message lists the known ones and the nearest name.
    """
    if name not in _MODELS:
        near = difflib.get_close_matches(name, _MODELS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown model {name!r}: expected one of {list_models()}{hint}")
    return _MODELS[name](**options)

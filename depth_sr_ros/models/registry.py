"""Finds networks by name.

A network file registers its class with the `register_model` decorator; users need only `list_models` and
`create_model`. Nothing is evaluated from strings, and a new network is covered by the registry tests by being
registered.
"""

from __future__ import annotations

import difflib
import fnmatch
import inspect
from collections.abc import Callable, Iterable
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
        ValueError: no such network, or one without such an option; the message lists the known ones and the nearest
            name.
    """
    if name not in _MODELS:
        raise ValueError(f"unknown model {name!r}: expected one of {list_models()}{_hint(name, _MODELS)}")
    known = _options_of(_MODELS[name])
    for option in options:
        if option not in known:
            raise ValueError(f"unknown option {option!r} of {name}: expected some of {known}{_hint(option, known)}")
    return _MODELS[name](**options)


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _options_of(model: type[GuidedUpsampler]) -> list[str]:
    """Names of a constructor's options; where it hands further ones on, those of its base class too."""
    names: dict[str, None] = {}
    for cls in model.__mro__:
        if "__init__" not in vars(cls):
            continue
        parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        names |= {p.name: None for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return list(names)

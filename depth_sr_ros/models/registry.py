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

from torch import nn

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.live.network import LiveNetwork

_MODELS: dict[str, type[GuidedUpsampler]] = {}

_LIVE_MODELS: dict[str, type[LiveNetwork]] = {}

ModelClass = TypeVar("ModelClass", bound=type[GuidedUpsampler])
LiveModelClass = TypeVar("LiveModelClass", bound=type[LiveNetwork])
Network = TypeVar("Network", bound=nn.Module)


def register_model(name: str) -> Callable[[ModelClass], ModelClass]:
    """Class decorator that makes a network known under `name`.

    Raises:
        ValueError: another class already holds the name.
    """

    def keep(cls: ModelClass) -> ModelClass:
        _keep(_MODELS, name, cls)
        return cls

    return keep


def register_live_model(name: str) -> Callable[[LiveModelClass], LiveModelClass]:
    """Class decorator that makes a network's live form known under the network's `name`.

    Raises:
        ValueError: another class already holds the name.
    """

    def keep(cls: LiveModelClass) -> LiveModelClass:
        _keep(_LIVE_MODELS, name, cls)
        return cls

    return keep


def list_models(pattern: str = "*") -> list[str]:
    """Names of the registered networks that match a shell-style `pattern`, sorted."""
    return sorted(fnmatch.filter(_MODELS, pattern))


def list_live_models(pattern: str = "*") -> list[str]:
    """Names of the registered networks that have a live form and match a shell-style `pattern`, sorted."""
    return sorted(fnmatch.filter(_LIVE_MODELS, pattern))


def create_model(name: str, **options: Any) -> GuidedUpsampler:
    """Builds a network with freshly initialised weights.

    Args:
        name: one of `list_models()`.
        options: the network's own options, e.g. `scale=8`; see its class.

    Raises:
        ValueError: no such network, or one without such an option; the message lists the known ones and the nearest
            name.
    """
    return _created(_MODELS, "model", name, options)


def create_live_model(name: str, **options: Any) -> LiveNetwork:
    """Builds a network's live form with freshly initialised weights.

    Args:
        name: one of `list_live_models()`.
        options: the live form's own options, e.g. `widths=(32, 64, 48)`; see its class.

    Raises:
        ValueError: no such live form, or one without such an option; the message lists the known ones and the nearest
            name.
    """
    return _created(_LIVE_MODELS, "live model", name, options)


def _keep(models: dict[str, type[Network]], name: str, cls: type[Network]) -> None:
    if name in models and models[name] is not cls:
        raise ValueError(f"model name {name!r} is already taken by {models[name].__name__}")
    models[name] = cls


def _created(models: dict[str, type[Network]], kind: str, name: str, options: dict[str, Any]) -> Network:
    if name not in models:
        raise ValueError(f"unknown {kind} {name!r}: expected one of {sorted(models)}{_hint(name, models)}")
    known = _options_of(models[name])
    for option in options:
        if option not in known:
            raise ValueError(f"unknown option {option!r} of {name}: expected some of {known}{_hint(option, known)}")
    return models[name](**options)


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _options_of(model: type[nn.Module]) -> list[str]:
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

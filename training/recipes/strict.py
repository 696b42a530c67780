"""Reads YAML into frozen dataclasses without forgiving anything: unknown keys, wrong types and negatives are errors.

A file may begin from another one in its folder by `extends: NAME`; what it sets then replaces the other settings,
section by section and key by key. A mapping of shares is replaced as a whole: shares only mean something together.
Under `scales`, a file sets what differs at a scale other than its own; a file that extends it comes after that.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

Section = TypeVar("Section")
Resolve = Callable[[Path, str], tuple[Path, int | None]]
"""Finds a file by the words of `extends` in a file of a folder, and the scale that it is meant for, if any."""


def beside(folder: Path, words: str) -> tuple[Path, None]:
    """The file of that name in the folder."""
    return folder / f"{words}.yaml", None


def read_settings(
    path: Path, sections: Mapping[str, type[Any]], scale: int | None = None, resolve: Resolve = beside
) -> dict[str, Any]:
    """Settings of a file on top of those of the file that it extends.

    Args:
        path: YAML file.
        sections: keys that are merged key by key, with the dataclass whose fields they may have.
        scale: takes what the files set for this scale; None takes the file's own `scale`.
        resolve: finds the file that another one extends.

    Raises:
        FileNotFoundError: the file that is to be extended does not exist.
        ValueError: not a mapping of settings, a circle of extensions, or a scale that the file is not for.
    """
    levels = _levels(path, resolve)
    own, known = _scales(levels)
    if scale is not None and scale not in known:
        raise ValueError(f"{path}: expected one of its scales {known}, found {scale}")
    scale = own if scale is None else scale
    merged: dict[str, Any] = {}
    for level in levels:
        of_scales = level.pop("scales", None) or {}
        for settings in (level, of_scales.get(scale) or {}):
            _merge(merged, settings, sections)
    return merged if scale is None else {**merged, "scale": scale}


def declared_scales(path: Path, resolve: Resolve = beside) -> tuple[int | None, list[int]]:
    """A file's own scale, None where it has none, and all that it is for: its own and those in its `scales`.

    Raises:
        FileNotFoundError: the file that is to be extended does not exist.
        ValueError: not a mapping of settings, or a circle of extensions.
    """
    return _scales(_levels(path, resolve))


def _scales(levels: Sequence[Mapping[str, Any]]) -> tuple[int | None, list[int]]:
    own = next((level["scale"] for level in reversed(levels) if "scale" in level), None)
    others = next((level["scales"] for level in reversed(levels) if "scales" in level), None) or {}
    return own, sorted({scale for scale in (own, *others) if isinstance(scale, int)})


def _levels(path: Path, resolve: Resolve, seen: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """Settings of the files that one begins from, the first of them first, and its own at the end."""
    raw = _mapping(path)
    extends = raw.pop("extends", None)
    if extends is None:
        return [raw]
    base, scale = resolve(path.parent, str(extends))
    if base.resolve() in (*seen, path.resolve()):
        raise ValueError(f"{path}: extends {extends!r}, which leads back to itself")
    if not base.is_file():
        raise FileNotFoundError(f"{path}: extends {extends!r}, but there is no {base}")
    levels = _levels(base, resolve, (*seen, path.resolve()))
    if scale is not None:
        levels[-1]["scale"] = scale
    return [*levels, raw]


def _merge(merged: dict[str, Any], settings: Mapping[str, Any], sections: Mapping[str, type[Any]]) -> None:
    for key, value in settings.items():
        both = key in sections and isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value


def _mapping(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: expected YAML, found {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: expected a mapping of settings, found {type(raw).__name__}")
    scales = raw.get("scales") or {}
    if not isinstance(scales, dict) or not all(isinstance(of_scale or {}, dict) for of_scale in scales.values()):
        raise ValueError(f"{path}: scales: expected settings by scale, as {{4: {{seed: 1}}}}, found {scales!r}")
    if unknown := [scale for scale in scales if not isinstance(scale, int) or isinstance(scale, bool)]:
        raise ValueError(f"{path}: scales: expected whole numbers, found {unknown}")
    return raw


def build_section(cls: type[Section], values: Any, where: str) -> Section:
    """An instance of a frozen dataclass from a mapping; lists become tuples.

    Raises:
        ValueError: an unknown or missing key, named together with the nearest known one, or a value of a wrong type.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: expected a mapping of settings, found {values!r}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            raise ValueError(
                f"{where}: unknown setting {key!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" Known: {sorted(fields)}"
            )
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    types = get_type_hints(cls)
    for key, value in frozen.items():
        _check(f"{where}: {key}", value, types[key])
    try:
        return cls(**frozen)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _check(where: str, value: Any, expected: Any) -> None:
    """Raises ValueError unless a value has a type, down to the elements of mappings, tuples and alternatives."""
    kind = get_origin(expected)
    if kind in (Union, UnionType):
        _check_alternatives(where, value, get_args(expected))
    elif kind is tuple:
        _check_tuple(where, value, get_args(expected))
    elif kind is Mapping:
        _check_mapping(where, value, get_args(expected)[1])
    elif expected in (int, float, str):
        _check_scalar(where, value, expected)


def _check_alternatives(where: str, value: Any, kinds: tuple[Any, ...]) -> None:
    if value is None and type(None) in kinds:
        return
    others = [kind for kind in kinds if kind is not type(None)]
    # the error of the alternative that the value is nearest to: of mappings and tuples their elements are the matter
    nested = [kind for kind in others if get_origin(kind) is not None and isinstance(value, get_origin(kind))]
    _check(where, value, (nested or others)[0])


def _check_tuple(where: str, value: Any, kinds: tuple[Any, ...]) -> None:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: expected a list, found {value!r}")
    if kinds[1:] == (...,):
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"{where}: expected {len(kinds)} values, found {value!r}")
    for number, (element, kind) in enumerate(zip(value, kinds, strict=True)):
        _check(f"{where}[{number}]", element, kind)


def _check_mapping(where: str, value: Any, kind: Any) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: expected a mapping, found {value!r}")
    for key, element in value.items():
        _check_scalar(where, key, str)
        _check(f"{where}.{key}", element, kind)


def _check_scalar(where: str, value: Any, expected: type) -> None:
    """Numbers must be numbers: YAML 1.1 reads `1e-3` as text."""
    fitting = isinstance(value, int | float) if expected is float else isinstance(value, expected)
    if isinstance(value, bool) or not fitting:
        hint = "; write 1.0e-3, YAML reads 1e-3 as text" if expected is float and isinstance(value, str) else ""
        raise ValueError(f"{where}: expected {expected.__name__}, found {value!r}{hint}")
    if isinstance(value, int | float) and not value >= 0:
        raise ValueError(f"{where}: expected 0 or more, found {value!r}")

"""Reads YAML into frozen dataclasses without forgiving anything: unknown keys, wrong types and negatives are errors.

A file may begin from another one in its folder by `extends: NAME`; what it sets then replaces the other settings,
section by section and key by key. A mapping of shares is replaced as a whole: shares only mean something together.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

Section = TypeVar("Section")


def read_settings(path: Path, sections: Mapping[str, type[Any]], seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Settings of a file on top of those of the file that it extends.

    Args:
        path: YAML file.
        sections: keys that are merged key by key, with the dataclass whose fields they may have.
        seen: files on the way here.

    Raises:
        FileNotFoundError: the file that is to be extended does not exist.
        ValueError: not a mapping of settings, or a circle of extensions.
    """
    raw = _mapping(path)
    extends = raw.pop("extends", None)
    if extends is None:
        return raw
    base = path.parent / f"{extends}.yaml"
    if base in (*seen, path):
        raise ValueError(f"{path}: extends {extends!r}, which leads back to itself")
    if not base.is_file():
        raise FileNotFoundError(f"{path}: extends {extends!r}, but there is no {base}")
    merged = read_settings(base, sections, (*seen, path))
    for key, value in raw.items():
        both = key in sections and isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def _mapping(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: expected YAML, found {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: expected a mapping of settings, found {type(raw).__name__}")
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
                f"{where}: unknown setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
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

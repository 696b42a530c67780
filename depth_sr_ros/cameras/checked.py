"""Reads values out of nested mappings and says in a sentence what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class CheckedMapping:
    """A mapping of a configuration file whose keys and values are checked as they are read.

    Args:
        value: what the file holds.
        where: file and keys that lead here, for messages.
        keys: all that may be there.

    Raises:
        ValueError: not a mapping, or a key that nothing reads; the message names the nearest known one.
    """

    def __init__(self, value: Any, where: str, keys: Iterable[str]) -> None:
        self._where, self._known = where, list(keys)
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected a mapping with {', '.join(self._known)}, found {value!r}")
        self._value = value
        for key in value:
            if key not in self._known:
                raise ValueError(f"{where}: expected {', '.join(self._known)}, found {key!r}{_hint(key, self._known)}")

    def __iter__(self) -> Any:
        return iter(self._value)

    def section(self, key: str, keys: Iterable[str]) -> CheckedMapping:
        """A mapping below this one; missing counts as empty."""
        return CheckedMapping(self._value.get(key) or {}, f"{self._where}: {key}", keys)

    def text(self, key: str, allowed: Iterable[str] = ()) -> str:
        """A text that is not empty, of the allowed ones where these are given."""
        found, choices = self._value.get(key), list(allowed)
        if not isinstance(found, str) or not found.strip() or (choices and found not in choices):
            hint = _hint(str(found), choices) if choices else ""
            raise self._wrong(key, f"one of {', '.join(choices)}" if choices else "a text", hint)
        return " ".join(found.split())

    def number(self, key: str) -> float:
        """A finite number of 0 or more."""
        found: Any = self._value.get(key)
        if not _is_number(found) or found < 0:
            raise self._wrong(key, "a number of 0 or more")
        return float(found)

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        """Finite numbers, so many where a count is given; missing counts as none."""
        found = self._value.get(key, [])
        if not isinstance(found, list) or not all(map(_is_number, found)) or count not in (None, len(found)):
            raise self._wrong(key, f"a list of {count or 'finite'} numbers")
        return tuple(map(float, found))

    def texts(self, key: str) -> tuple[str, ...]:
        """Texts; missing counts as none."""
        found = self._value.get(key, [])
        if not isinstance(found, list) or not all(isinstance(text, str) and text.strip() for text in found):
            raise self._wrong(key, "a list of texts")
        return tuple(" ".join(text.split()) for text in found)

    def _wrong(self, key: str, expected: str, hint: str = "") -> ValueError:
        found = repr(self._value[key]) if key in self._value else "nothing"
        return ValueError(f"{self._where}: {key}: expected {expected}, found {found}{hint}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like one that is not known; None where none is like it."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def _hint(name: Any, known: list[str]) -> str:
    close = nearest(str(name), known)
    return f"; did you mean {close!r}?" if close else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

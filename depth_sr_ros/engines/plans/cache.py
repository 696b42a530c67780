"""Plans on disk, found by what they depend on.

A plan is two files: the runtime's bytes, and a card that says of what they are, how they did in the self-check and
what their sha256 is. A plan without its card, or with another sha256 than the card says, is no plan. So whatever ends
a writer early, nothing half-written is ever used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from depth_sr_ros.engines.plans.files import TEMPORARY, lock_if_free, locked, write_whole
from depth_sr_ros.engines.plans.key import PlanKey
from depth_sr_ros.engines.selfcheck import SelfCheck

FORMAT = 1
BUDGET = 4 << 30
"""Bytes that all plans together may take."""

_CARD, _LOCK = ".json", ".lock"
_log = logging.getLogger(__name__)


class PlanCacheError(OSError):
    """A folder that cannot be written; the message says what to change."""


@dataclass(frozen=True)
class PlanCard:
    """What is known of a plan.

    Attributes:
        key: what it depends on.
        sha256: of the plan's bytes.
        size: of the plan, bytes.
        made: when, seconds since 1970.
        build_seconds: how long it took.
        error: of the self-check: RMS difference on the golden frame, relative to its depth range.
        tolerance: what the self-check accepts.
        format: version of this layout.
    """

    key: PlanKey
    sha256: str
    size: int
    made: float
    build_seconds: float
    error: float
    tolerance: float
    format: int = FORMAT

    def to_json(self) -> str:
        """The card's file."""
        return json.dumps(asdict(self) | {"key": self.key.parts(), "digest": self.key.digest}, indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> PlanCard | None:
        """The card in a file; None where the file is none of this layout, or was changed by hand."""
        try:
            raw = json.loads(path.read_text())
            digest, key = raw.pop("digest"), PlanKey.from_parts(raw.pop("key"))
            card = cls(key=key, **raw)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        whole = card.format == FORMAT and isinstance(card.size, int)
        return card if whole and digest == key.digest else None


def default_folder() -> Path:
    """`trt_engines/` in a source checkout that can be written to, else the user's cache folder."""
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "setup.py").is_file() and os.access(checkout / "trt_engines", os.W_OK):
        return checkout / "trt_engines"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # the specification: a relative path counts as none
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "depth_sr_ros"


class PlanCache:
    """A folder of plans; several processes may use it at once.

    Args:
        folder: where the plans lie; None takes `default_folder()`. Made when the first plan is recorded.
        budget: bytes that the plans may take; beyond it those go whose last use is longest ago.
    """

    def __init__(self, folder: Path | None = None, budget: int = BUDGET) -> None:
        self.folder = Path(folder) if folder is not None else default_folder()
        self.budget = budget

    def find(self, key: PlanKey) -> bytes | None:
        """A plan's bytes, None where none is whole; a damaged or foreign one is removed, with a warning."""
        plan = self.read(key)
        if plan is not None or not self._card(key).exists():
            return plan
        try:
            with locked(self._lock(key)):  # a writer may just be replacing it
                plan = self.read(key)
                if plan is None:
                    self._remove(key)
        except OSError as error:
            _log.warning("%s: cannot be removed: %s", self._plan(key), error)
        if plan is None:
            _log.warning("%s: damaged or foreign plan, not used; it has to be built again", self._plan(key))
        return plan

    def read(self, key: PlanKey) -> bytes | None:
        """A plan's bytes, None where none is whole; changes nothing but the time of last use."""
        card = self.card(key)
        try:
            plan = self._plan(key).read_bytes()
        except OSError:
            return None
        if card is None or card.key != key or hashlib.sha256(plan).hexdigest() != card.sha256:
            return None
        try:
            os.utime(self._card(key))
        except OSError:  # a folder that may be read only
            _log.debug("%s: cannot record its use", key.stem)
        return plan

    def card(self, key: PlanKey) -> PlanCard | None:
        """A plan's card, None where there is none."""
        return PlanCard.read(self._card(key))

    def cards(self) -> list[PlanCard]:
        """The cards of all plans, the one used last first."""
        found = [(path, PlanCard.read(path)) for path in self.folder.glob(f"*{_CARD}")]
        dated = [(_used(path), card) for path, card in found if card is not None]
        return [card for _, card in sorted(dated, key=lambda pair: pair[0], reverse=True)]

    def sizes(self, key: PlanKey) -> list[PlanKey]:
        """Keys of the plans that differ from a key by the grid at most, the one used last first."""
        return [card.key for card in self.cards() if replace(card.key, grid=key.grid) == key]

    def building(self, key: PlanKey, waiting: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Holds the right to build a plan; see `plan_files.locked`.

        Raises:
            PlanCacheError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock(key).touch()
        except OSError as error:
            raise PlanCacheError(
                f"{self.folder}: expected a folder for plans that can be written, found {error}; choose another one by "
                "the `engine_cache` parameter or `--cache`"
            ) from error
        return locked(self._lock(key), waiting)

    def record(self, key: PlanKey, plan: bytes, seconds: float, check: SelfCheck) -> PlanCard:
        """Writes a plan that has passed its self-check; the caller holds `building`. Prunes afterwards."""
        if not check.passed:
            raise ValueError(f"{key.stem}: expected a plan that passed its self-check, found error {check.error:.1e}")
        card = PlanCard(
            key, hashlib.sha256(plan).hexdigest(), len(plan), time.time(), seconds, check.error, check.tolerance
        )
        self._sweep(key.stem)
        write_whole(self._plan(key), plan)
        write_whole(self._card(key), card.to_json().encode())
        self.prune(keep=key)
        return card

    def discard(self, key: PlanKey) -> bool:
        """Removes a plan that its runtime refuses.

        Returns:
            Whether it is gone; where it cannot be removed, a warning says why.
        """
        try:
            if self._card(key).exists():
                with locked(self._lock(key)):
                    self._remove(key)
        except OSError as error:
            _log.warning("%s: cannot be removed: %s", self._plan(key), error)
            return False
        return True

    def prune(self, keep: PlanKey) -> None:
        """Removes leftovers, what `keep` supersedes, and what has not been used for longest beyond the budget."""
        for path in self.folder.glob(f"*{_LOCK}"):
            self._clear(path.name.removesuffix(_LOCK))
        room = self.budget
        for card in self.cards():
            mine = card.key.digest == keep.digest
            room -= card.size
            if not mine and (room < 0 or _supersedes(keep, card.key)):
                room += card.size
                with lock_if_free(self._lock(card.key)) as free:
                    if free:
                        self._remove(card.key)

    def _clear(self, stem: str) -> None:
        """Removes what killed writers left of a plan, unless somebody works on it now."""
        lock = self.folder / f"{stem}{_LOCK}"
        with lock_if_free(lock) as free:
            if free:
                self._sweep(stem)
                if not (self.folder / f"{stem}{_CARD}").exists():
                    lock.unlink(missing_ok=True)

    def _sweep(self, stem: str) -> None:
        card = self.folder / f"{stem}{_CARD}"
        for path in self.folder.glob(f"{stem}.*"):
            unfinished = path.suffix == TEMPORARY
            orphan = path.suffix not in (_CARD, _LOCK) and not card.exists()
            if unfinished or orphan or (path == card and PlanCard.read(path) is None):
                path.unlink(missing_ok=True)

    def _remove(self, key: PlanKey) -> None:
        self._card(key).unlink(missing_ok=True)
        self._plan(key).unlink(missing_ok=True)

    def _plan(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem}{key.suffix}"

    def _card(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem}{_CARD}"

    def _lock(self, key: PlanKey) -> Path:
        return self.folder / f"{key.stem}{_LOCK}"


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has just removed it
        return 0.0


def _supersedes(new: PlanKey, old: PlanKey) -> bool:
    """Whether a plan is the same thing for the same device, made by another version or with other flags."""
    device = new.conditions.get("device")
    same = replace(old, conditions=new.conditions) == new
    return same and device is not None and old.conditions.get("device") == device

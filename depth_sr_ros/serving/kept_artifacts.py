"""Copies of artifacts for as long as something runs on them.

A training may put other weights in an artifact's place at any time, and what runs reads its artifact again: for another
image size, for a plan, to go back to it. So a running node reads from a copy, named by its content, which nothing
changes. The copies that were used last stay when the node has ended: weights that were written over can be had there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from depth_sr_ros.artifact import CARD, Artifact, ArtifactError, read_artifact

LIMIT = 8
"""Copies that may lie there beside those in use; beyond it those go whose last use is longest ago."""

_UNFINISHED, _REMOVED = ".new-", ".old-"
_COPY_NAME = r".+-[0-9a-f]{12}"
_ABANDONED_S = 3600.0
"""A copy that is unfinished so long after its last change is nobody's any more."""

_log = logging.getLogger(__name__)


class KeptArtifacts:
    """A folder of copies; several processes may use it at once.

    Args:
        folder: where the copies lie; made when the first is.
        limit: see `LIMIT`.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._held: dict[Path, TextIO] = {}

    def keep(self, source: Path, model: str, scale: int) -> Artifact:
        """The copy of an artifact, which stays until `release_all_but`.

        Where no copy can be written it is the artifact itself, with a warning.

        Args:
            source: the artifact's folder, or that of a copy.
            model: the model it is expected to hold.
            scale: the scale it is expected to be made for; 0 accepts any.

        Raises:
            ArtifactError: it is damaged, foreign, or changed while it was copied.
        """
        artifact = read_artifact(source, model, scale or None)
        place = self._folder / f"{artifact.card.name}-{artifact.card.content_id}"
        try:
            if not self._hold(place, artifact):
                self._copy(artifact, place)
                if not self._hold(place, artifact):
                    raise ArtifactError(f"{source}: its copy {place} changed while it was written; set it again")
        except OSError as error:
            _log.warning(
                "%s is used where it lies, do not change it while the node runs: expected to keep a copy in %s, "
                "found %s; name a folder that can be written by `engine_cache`", source, self._folder, error,
            )  # fmt: skip
            return artifact
        return Artifact(place, artifact.card)

    def release_all_but(self, used: Collection[Path]) -> None:
        """Lets go of copies that are not used any more, and removes what is beyond the limit and in nobody's use.

        What an interrupted process left half written or half removed goes, too.
        """
        for place in self._held.keys() - set(used):
            self._held.pop(place).close()
        for place in self._oldest_first()[: -self._limit or None]:
            if place not in self._held:
                _remove_if_free(place)
        self._clear_leftovers()

    def _hold(self, place: Path, artifact: Artifact) -> bool:
        """Whether a whole copy is there; it is then locked against removal."""
        if place in self._held:
            return True
        try:
            card = (place / CARD).open()
        except FileNotFoundError:
            return False
        fcntl.flock(card.fileno(), fcntl.LOCK_SH)  # waits for a removal at most
        try:
            if read_artifact(place).card == artifact.card and os.path.samestat(
                os.fstat(card.fileno()), (place / CARD).stat()
            ):
                self._held[place] = card
                os.utime(place)
                return True
        except (ArtifactError, FileNotFoundError) as error:
            _log.warning("%s: the copy is damaged and made anew: %s", place, error)
        card.close()
        _remove_if_free(place)
        return False

    def _copy(self, artifact: Artifact, place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._folder))
        try:
            for name in (CARD, *artifact.card.files):
                (new / Path(name).name).write_bytes(_content(artifact.folder / name))
            if read_artifact(new).card != artifact.card:
                raise ArtifactError(f"{artifact.folder}: the artifact changed while it was read; set it again")
            new.chmod(0o755)
            try:
                os.replace(new, place)
            except OSError:
                self._clear_remnant(place)
                os.replace(new, place)
        except OSError:
            if not (place / CARD).is_file():  # else another process has just made the same copy
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _clear_remnant(self, place: Path) -> None:
        """Moves away what lies in a copy's place and is none, as a removal does that ends halfway."""
        with _one_at_a_time(self._folder):  # else another process's copy might have taken the remnant's place
            if place.is_dir() and not (place / CARD).exists():
                _remove(place)

    def _clear_leftovers(self) -> None:
        try:
            for path in list(self._folder.iterdir()):
                if path.name.startswith(_REMOVED):
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name.startswith(_UNFINISHED):
                    if _age(path) > _ABANDONED_S:
                        shutil.rmtree(path, ignore_errors=True)
                elif re.fullmatch(_COPY_NAME, path.name):
                    self._clear_remnant(path)
        except OSError as error:  # nothing lies there, or it cannot be written
            _log.debug("%s: leftovers of copies stay: %s", self._folder, error)

    def _oldest_first(self) -> list[Path]:
        dated = []
        for place in self._folder.glob(f"*/{CARD}"):
            try:
                dated.append((place.parent.stat().st_mtime, place.parent))
            except FileNotFoundError:  # another process has just removed it
                continue
        return [place for _, place in sorted(dated)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: the artifact changed while it was read; set it again ({error})") from error


def _remove_if_free(place: Path) -> None:
    try:
        with (place / CARD).open() as card:
            fcntl.flock(card.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(place)
    except OSError:  # in use, or gone already
        return


def _remove(place: Path) -> None:
    """Removes a copy at one stroke: ended halfway, what is left does not lie in a copy's place."""
    away = tempfile.mkdtemp(prefix=_REMOVED, dir=place.parent)
    try:
        os.replace(place, away)
    finally:
        shutil.rmtree(away, ignore_errors=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Holds a lock between processes on a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""Artifacts of one's own, made from a shipped one."""

from __future__ import annotations

import shutil
from pathlib import Path

from depth_sr_ros.artifact import CARD, SHIPPED, WEIGHTS, Artifact, read_artifact, write_artifact


def own_weights(folder: Path, change: int, source: Path = SHIPPED / "fdkn_x8_live") -> Artifact:
    """An artifact with a few weights slightly changed, written whole; the golden frame still holds.

    Args:
        folder: where; one that lies there is replaced, as a training would.
        change: which weights, so that different ones give different contents.
    """
    shipped = read_artifact(source)
    made = folder.with_name(f"{folder.name}.weights")
    made.mkdir()
    stored = bytearray(shipped.weights.read_bytes())
    begin = 8 + int.from_bytes(stored[:8], "little")
    places = range(begin + 2 * change, len(stored), 20_000)
    for place in places:
        stored[place - place % 2] ^= 2  # of the lower byte of a 16-bit number
    (made / WEIGHTS).write_bytes(stored)
    artifact = write_artifact(folder, shipped.card, shipped.graph, made / WEIGHTS, shipped.fixture())
    shutil.rmtree(made)
    return artifact


def damage(artifact: Artifact) -> None:
    """Changes one byte of the weights, so that they are not what the card says."""
    stored = bytearray(artifact.weights.read_bytes())
    stored[-1] ^= 1
    artifact.weights.write_bytes(stored)


def overwrite_in_place(artifact: Artifact, other: Artifact) -> None:
    """Puts another artifact's bytes into the same files, as `cp` does: whoever maps them sees them change."""
    for name in (CARD, *other.card.files):
        (artifact.folder / name).write_bytes((other.folder / name).read_bytes())

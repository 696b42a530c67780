"""The weights that a retraining starts from, and the protocols that measure what they have forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from depth_sr_ros.artifact import Artifact, expect_papers, find_artifact, read_artifact
from training.evaluation.protocols import PROTOCOLS
from training.retraining.settings import Settings

PROTOCOLS_SHOWN = ("dkn-bicubic", "live", "cell-median")
"""Protocols of the base set, besides the main one."""


@dataclass(frozen=True)
class Start:
    """Where a retraining starts.

    Attributes:
        artifact: the weights in service so far.
        main: the protocol that the card's numbers are of.
    """

    artifact: Artifact
    main: str

    @property
    def model_options(self) -> dict[str, Any]:
        """Options of the network but for the scale."""
        return {name: value for name, value in self.artifact.card.options.items() if name != "scale"}

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols under which the base set may not get worse, the main one first."""
        return tuple(dict.fromkeys((self.main, *PROTOCOLS_SHOWN)))


def starting_point(settings: Settings) -> Start:
    """The artifact asked for, or the shipped one that the node would take.

    Raises:
        ValueError: none ships for this model and scale, or the one named cannot be used; the message lists what does.
    """
    if settings.start is None:
        artifact = find_artifact(settings.model, settings.scale)
    else:
        artifact = read_artifact(settings.start, settings.model, settings.scale)
    card = expect_papers(artifact, "retraining at a scale").card
    main = "live" if card.variant == "live" else str(card.evaluation.get("protocol", "dkn-bicubic"))
    if main not in PROTOCOLS:
        raise ValueError(f"{artifact.folder}: its card names protocol {main!r}; expected one of {sorted(PROTOCOLS)}")
    return Start(artifact, main)

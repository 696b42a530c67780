"""What runs, said so exactly that it can be told from what ran before, and run again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_card
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.kept_artifacts import KeptArtifacts
from depth_sr_ros.upsampler import Upsampler, UpsamplerError, UpsamplerInfo


@dataclass(frozen=True)
class Deployment:
    """Settings, and the very weights that they stood for when they were taken up.

    Attributes:
        settings: as the parameters say.
        artifact: the shipped one, or the kept copy of one's own.
    """

    settings: EngineSettings
    artifact: Artifact

    @property
    def folder(self) -> Path:
        """Where its artifact came from, as the settings name it."""
        return Path(self.settings.weights) if self.settings.weights else self.artifact.folder

    def upsampler(self) -> Upsampler:
        """An upsampler on these weights that never waits for a plan. Raises UpsamplerError."""
        return self.settings.upsampler(self.artifact.folder if self.settings.weights else None)

    def lasting(self) -> Deployment:
        """The same, with settings that still name it: those of the kept copy where other content lies in the folder."""
        if not self.settings.weights:
            return self
        try:
            unchanged = read_card(self.folder).content_id == self.artifact.card.content_id
        except (ArtifactError, OSError):
            unchanged = False
        return self if unchanged else replace(self, settings=replace(self.settings, weights=str(self.artifact.folder)))

    def __str__(self) -> str:
        return f"{self.settings} ({self.artifact.card.name} {self.artifact.weights_id})"


@dataclass(frozen=True)
class Served:
    """A deployment that runs or ran.

    Attributes:
        deployment: what.
        info: model, engine and weights of its newest frame.
        since: when it took over, seconds since 1970.
    """

    deployment: Deployment
    info: UpsamplerInfo
    since: float

    def __str__(self) -> str:
        weights = self.deployment.settings.weights
        return f"{self.info.model} {self.info.weights_id} ({weights or 'shipped'}) on {self.info.engine}"


def deploy(settings: EngineSettings, kept: KeptArtifacts, held: Deployment | None = None) -> Deployment:
    """The deployment that settings stand for now.

    Args:
        settings: as the parameters say.
        kept: copies of weights of one's own.
        held: where the settings name the same folder as this one's, its weights are meant, whatever lies there now;
            None reads the folder.

    Raises:
        UpsamplerError: the weights cannot be had.
    """
    try:
        if not settings.weights:
            return Deployment(settings, find_artifact(settings.model, settings.scale))
        same = held is not None and held.settings.weights == settings.weights
        source = held.artifact.folder if held is not None and same else Path(settings.weights)
        return Deployment(settings, kept.keep(source, settings.model, settings.scale))
    except ArtifactError as error:
        raise UpsamplerError(str(error)) from error

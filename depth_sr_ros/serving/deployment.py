"""What runs, said so exactly that it can be told from what ran before, and run again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_card, shipped_scales
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.kept_artifacts import KeptArtifacts
from depth_sr_ros.upsampler import Upsampler, UpsamplerError, UpsamplerInfo


@dataclass(frozen=True)
class Deployment:
    """Settings, and the very weights that they stood for when they were taken up.

    Attributes:
        settings: as the parameters say.
        artifact: the shipped one, or the kept copy of one's own; None where no weights serve, but a filter.
    """

    settings: EngineSettings
    artifact: Artifact | None = None

    @property
    def folder(self) -> Path | None:
        """Where its artifact came from, as the settings name it; None where it has none."""
        if self.settings.weights:
            return Path(self.settings.weights)
        return self.artifact.folder if self.artifact else None

    def upsampler(self) -> Upsampler:
        """An upsampler on these weights, warmed up, that never waits for a plan. Raises UpsamplerError."""
        upsampler = self.settings.upsampler(self.artifact.folder if self.artifact and self.settings.weights else None)
        upsampler.warm_up()
        return upsampler

    def lasting(self) -> Deployment:
        """The same, with settings that still name it: those of the kept copy where other content lies in the folder."""
        if not self.settings.weights or not self.artifact:
            return self
        try:
            unchanged = read_card(Path(self.settings.weights)).content_id == self.artifact.card.content_id
        except (ArtifactError, OSError):
            unchanged = False
        return self if unchanged else replace(self, settings=replace(self.settings, weights=str(self.artifact.folder)))

    def __str__(self) -> str:
        weights = f" ({self.artifact.card.name} {self.artifact.weights_id})" if self.artifact else ""
        return f"{self.settings}{weights}"


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
        return f"{self.info.label}, {weights or 'shipped'}, on {self.info.engine}"


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
            ships = settings.scale or 0 in shipped_scales(settings.model)
            return Deployment(settings, find_artifact(settings.model, settings.scale) if ships else None)
        source = Path(settings.weights)
        if held and held.artifact and held.settings.weights == settings.weights:
            source = held.artifact.folder
        return Deployment(settings, kept.keep(source, settings.model, settings.scale))
    except ArtifactError as error:
        raise UpsamplerError(str(error)) from error

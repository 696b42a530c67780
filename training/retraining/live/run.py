"""The whole retraining of live weights: frames, noise, training, both evaluations, verdict, artifact, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_artifact
from depth_sr_ros.frame_graphs import LIVE
from depth_sr_ros.models import LiveNetwork
from depth_sr_ros.recordings.recording import RecordingError
from training.datasets.live.dev import DevCrop
from training.datasets.live.recorded import RecordedCrops, frames_by_recording, spread_frames
from training.degradation.two_cameras.noise import AxialNoise
from training.recipes.live_recipe import LiveRecipe
from training.recipes.names import RecipeFile
from training.retraining.fine_tune import read_losses
from training.retraining.live.fine_tune import fine_tune_live, live_network_of, trained_live_network
from training.retraining.live.frames import FrameOptions, RecordedFrames, frames_of, recordings_by_name
from training.retraining.live.judging import HELD, LiveJudge, LiveVerdict, judge_live
from training.retraining.live.noise import LiveNoise, measure_live_noise
from training.retraining.live.promotion import exported
from training.retraining.live.recipe import live_recipe, mixed_crops
from training.retraining.live.report import LiveReport, held_pictures, write_live_report
from training.retraining.live.simulated import ANY, OWN, judged_crops, own_crops
from training.retraining.live.sources import find_recordings, hash_recording
from training.retraining.live.split import LiveSplit, split_live
from training.retraining.promotion import VARIANT, promoted_artifact, promotion_words
from training.retraining.run import Retrained, say_to_stderr, staged
from training.retraining.settings import Settings, TrainingOptions, check_claim, claim, digest_of
from training.retraining.stages import PromotionRefused, Say, Stages

_HELD_SIDE = 384  # pixels of a held frame that are judged; whole frames are read from disk, not kept in memory
_HELD_SEED, _SIMULATED, _PICTURES = 77, 16, 4


def live_start(settings: Settings) -> Artifact:
    """The artifact asked for, or the shipped one that the node would take.

    Raises:
        ArtifactError: none ships for this model, or the one named holds no live weights.
    """
    if settings.start is None:
        return find_artifact(settings.model, 0)
    artifact = read_artifact(settings.start, settings.model)
    if artifact.card.form is not LIVE:
        raise ArtifactError(
            f"{artifact.folder}: expected live weights, which serve any ratio, found weights for scale "
            f"{artifact.card.scale}; give --scale {artifact.card.scale}, or other weights"
        )
    return artifact


def retrain_live(settings: Settings, say: Say = say_to_stderr) -> Retrained[LiveVerdict]:
    """Makes better live weights of recordings, or says why they are not better.

    Raises:
        ValueError: something cannot be used; the message says what to change.
        FileNotFoundError: something is missing.
        PromotionRefused: the new weights are worse than the margins allow; report and weights are in `out`.
        RetrainingInterrupted: stopped; the same command continues.
    """
    start = live_start(settings)
    paths = find_recordings(settings.bags, settings.extraction.bags)
    return staged(settings.out, say, lambda stages: _LiveRetraining(settings, start, stages).run(paths))


def given_recipe(settings: Settings) -> RecipeFile | None:
    """The recipe that the command line names; None leaves it to `recipe.RETRAIN_LIVE`."""
    recipe = settings.training.recipe
    return None if recipe == TrainingOptions().recipe else recipe


class _LiveRetraining:
    def __init__(self, settings: Settings, start: Artifact, stages: Stages) -> None:
        self.settings, self.start, self.stages = settings, start, stages
        self.out, self.training = settings.out, settings.out / "run"
        self.recordings: list[RecordedFrames] = []
        self.notes: list[str] = []
        self.noise = LiveNoise(AxialNoise(), 0, 0, 0.0)

    def run(self, paths: Sequence[Path]) -> Retrained[LiveVerdict]:
        self._extract(paths)
        stages = self.stages
        measure = "measuring the sensor's noise"
        measured = stages.once("noise", measure, self._frames, lambda: measure_live_noise(self.split.train).as_text())
        self.noise = LiveNoise.from_text(measured)
        stages.say(f"  {self.noise.words}")
        recipe = live_recipe(self.settings.training, self.start, given_recipe(self.settings), self.split.train)
        old = live_network_of(self.start)
        before = self._evaluated("before", "evaluating the old weights", old, self.start.weights_id)
        inputs = {"recipe": recipe.as_text(), "frames": self._frames, "from": self.start.weights_id}
        facts = stages.once("trained", "training", inputs, lambda: self._trained(recipe))
        new = trained_live_network(recipe, self.training, facts, self.settings.storage)
        after = self._evaluated("after", "evaluating the new weights", new, facts["sha256"])
        verdict = judge_live(before, after, self.settings.margins)
        stages.begin("drawing the report")
        report = LiveReport(
            f"Retraining of {self.start.card.name}",
            verdict,
            before,
            after,
            self._words(recipe, facts),
            read_losses(self.training),
            self.split.in_time,
            frames_by_recording({"train": self.split.train, "held": self.split.held}),
            tuple(dict.fromkeys(self.notes)),
            held_pictures(self._held(_PICTURES), old, new),
        )
        page = write_live_report(report, self.out)
        if not verdict.promoted:
            raise PromotionRefused(
                f"refused: {'; '.join(verdict.reasons)}. The weights stay in {self.training}, no artifact is written; "
                f"see {page}{self._earlier()}"
            )
        return self._promoted(new, report, facts)

    def _extract(self, paths: Sequence[Path]) -> None:
        hashes: dict[str, Path] = {}
        failures: list[str] = []
        for path in paths:
            with suppress(OSError):  # reading it says so
                hashes.setdefault(hash_recording(path), path)
        identity = self.settings.identity(self.start.weights_id, sorted(hashes))
        check_claim(self.out, identity)
        self.stages.begin("reading the recordings")
        options, found = FrameOptions(self.settings.extraction, self.settings.poses), []
        for digest, path in hashes.items():
            try:
                found.append(frames_of(path, digest, self.out, options, self.stages.say))
            except RecordingError as error:
                failures.append(str(error))
        self.notes += [f"nothing could be read from {failure}" for failure in failures]
        if not found:
            raise RecordingError("nothing could be read from the recordings:\n" + "\n".join(failures))
        for note in self.notes:
            self.stages.say(note)
        self.recordings = recordings_by_name(found)
        self.notes += [note for one in self.recordings for note in one.notes]
        _ = self.split  # what cannot be split is no retraining yet, and may be asked for differently
        claim(self.out, identity)

    @cached_property
    def split(self) -> LiveSplit:
        """Frames to train on and held ones."""
        split = split_live(self.recordings, self.settings.split)
        counts = frames_by_recording({"train": split.train, "held": split.held})
        for name, count in counts.items():
            self.stages.say(f"  {name}: {count['train']} frames to train on, {count['held']} held")
        return split

    @cached_property
    def _frames(self) -> dict[str, Any]:
        """What decides which frames are trained on and which are held."""
        frames = {one.digest: [list(one.files), one.fused] for one in self.recordings}
        return {"frames": frames, "split": asdict(self.settings.split)}

    def _held(self, count: int) -> list[DevCrop]:
        multiple = self.start.card.size_multiple
        crops = RecordedCrops(self.split.held, _HELD_SIDE, self.noise.axial, multiple)
        chosen = spread_frames(self.split.held, count)
        seeds = [self.split.held.index(entry) for entry in chosen]
        made = [
            crops.judged(e, np.random.default_rng([_HELD_SEED, seed])) for e, seed in zip(chosen, seeds, strict=True)
        ]
        found = [one for one in made if one is not None]
        if not found:
            raise ValueError("held frames: expected some depth to compare with, found no measured pixel in any")
        return found

    @cached_property
    def _judge(self) -> LiveJudge:
        count, held = self.settings.dev_images or _SIMULATED, self._held(self.settings.held_images)
        return LiveJudge({HELD: held, OWN: own_crops(self.split.train, count), ANY: judged_crops(None, count)})

    def _evaluated(self, name: str, doing: str, network: LiveNetwork, weights: str) -> dict[str, Any]:
        settings = self.settings
        inputs = {
            "weights": weights, "frames": self._frames, "noise": self.noise.as_text(), "held": settings.held_images,
            "simulated": settings.dev_images or _SIMULATED, "storage": settings.storage,
        }  # fmt: skip
        return self.stages.once(name, doing, inputs, lambda: self._judge.score(network))

    def _trained(self, recipe: LiveRecipe) -> dict[str, Any]:
        settings, multiple = self.settings, self.start.card.size_multiple
        share = settings.training.base_share
        crops = mixed_crops(recipe, self.split.train, self.noise.axial, multiple, share, settings.data)
        return fine_tune_live(recipe, self.start, crops, self.training, settings.data is not None)

    def _words(self, recipe: LiveRecipe, facts: Mapping[str, Any]) -> dict[str, str]:
        artifact, settings = self.start, self.settings
        return {
            "started from": f"{artifact.card.name}, weights {artifact.weights_id}",
            "cameras": "; ".join(dict.fromkeys(one.view.words for one in self.recordings)),
            "targets": "; ".join(
                f"{one.name}: {'fused of neighbouring frames' if one.fused else 'its own depth'}"
                for one in self.recordings
            ),
            "noise": self.noise.words,
            "crops": f"{recipe.batch_size} of {recipe.size} px a step; simulated {settings.training.base_share:.0%}",
            "training": f"{facts['steps']} steps in {facts['minutes']} minutes on {facts['machine']}, learning rate "
            f"{recipe.optimiser.learning_rate:g}",
            "margins": f"held frames {100 * settings.margins.held:g} %, simulated {100 * settings.margins.base:g} %",
        }

    def _earlier(self) -> str:
        """A warning where an artifact of an earlier run is there."""
        there = [path.parent for path in self.out.glob(f"*_{VARIANT}/card.json")]
        return f". {there[0]}, which an earlier run promoted, is kept" if there else ""

    def _promoted(self, network: LiveNetwork, report: LiveReport, facts: Mapping[str, Any]) -> Retrained[LiveVerdict]:
        inputs = {"weights": facts["sha256"], "before": digest_of(report.before), "after": digest_of(report.after)}
        doing = "writing the artifact and checking its engine"
        held = self.split.held[0]
        done = self.stages.once("promoted", doing, inputs, lambda: exported(network, self.settings, report, held))
        artifact = promoted_artifact(self.out, done["artifact"])
        words = promotion_words(artifact, done["engine_words"])
        page = write_live_report(replace(report, promotion=words), self.out)
        return Retrained(artifact, report.verdict, page, words["switch"])

"""The whole retraining: recordings to shards, noise, training, both evaluations, verdict, artifact, engine, report."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.recordings.recording import RecordingError
from training.datasets.pairs import Pair, load_pair
from training.evaluation.network_scores import network_of_artifact
from training.extraction.manifest import MANIFEST, HashCache, Manifest, hash_bag, locked
from training.extraction.run import ExtractionResult, extract, find_bags
from training.recipes.recipe import Recipe, load_recipe
from training.retraining.base_set import BaseSet, base_set, digest_of_images
from training.retraining.card import card_facts, record_of_run
from training.retraining.fine_tune import fine_tune, read_losses, trained_network
from training.retraining.held_pictures import Networks, base_pictures, held_pictures
from training.retraining.held_scores import evaluate_both
from training.retraining.html_report import ReportContent, write_report
from training.retraining.noise import MeasuredNoise, measure_noise
from training.retraining.promotion import (
    VARIANT,
    check_engine_of,
    promoted,
    promoted_artifact,
    promotion_words,
    write_candidate,
)
from training.retraining.retraining_recipe import adapted, build_recipe, data_folder, write_recipe
from training.retraining.settings import REQUEST, Settings, check_claim, check_folder, claim, digest_of
from training.retraining.split import Split, freeze_recordings, split_frames, spread
from training.retraining.stages import PromotionRefused, Say, Stages, stoppable
from training.retraining.starting_artifact import Start, starting_point
from training.retraining.verdict import Verdict, judge_weights

_HELD_PICTURES, _BASE_PICTURES = 4, 2


Decision = TypeVar("Decision")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Retrained(Generic[Decision]):
    """New weights that may serve.

    Attributes:
        artifact: where they lie.
        verdict: why they may.
        report: the HTML file.
        switch: the command that makes a running node take them.
    """

    artifact: Artifact
    verdict: Decision
    report: Path
    switch: str


def say_to_stderr(text: str) -> None:
    """Tells the user without mixing with results."""
    print(text, file=sys.stderr, flush=True)


def staged(out: Path, say: Say, work: Callable[[Stages], Outcome]) -> Outcome:
    """Runs the stages of a retraining in its folder, which nobody else may use meanwhile.

    Raises:
        ValueError: the folder cannot be used, or is in use.
        RetrainingInterrupted: stopped; the same command continues.
    """
    check_folder(out)
    stages = Stages(out, say)
    with stoppable(stages):
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            return work(stages)


def retrain(settings: Settings, say: Say = say_to_stderr) -> Retrained[Verdict]:
    """Makes better weights of recordings, or says why they are not better.

    Raises:
        ValueError: something cannot be used; the message says what to change.
        FileNotFoundError: something is missing.
        PromotionRefused: the new weights are worse than the margins allow; report and weights are in `out`.
        RetrainingInterrupted: stopped; the same command continues.
    """
    start = starting_point(settings)
    base = base_set(settings.data, adapted(settings.training, start).data, settings.dev_images)
    bags = find_bags(settings.bags)
    return staged(settings.out, say, lambda stages: _Retraining(settings, start, base, stages).run(bags))


class _Retraining:
    def __init__(self, settings: Settings, start: Start, base: BaseSet, stages: Stages) -> None:
        self.settings, self.start, self.base, self.stages = settings, start, base, stages
        self.out = settings.out
        self.shards, self.recordings, self.training = (self.out / name for name in ("shards", "recordings", "run"))
        self.notes: list[str] = []

    def run(self, bags: Sequence[Path]) -> Retrained[Verdict]:
        self._extract(bags)
        split, stages = self.split, self.stages
        noise = MeasuredNoise.from_text(
            stages.once("noise", "measuring the sensor's noise", self._frames, lambda: self._measured(split))
        )
        for line in noise.words:
            stages.say(f"  {line}")
        recipe = self._recipe(split, noise)
        before = self._evaluated("before", "evaluating the old weights", self.old, self.start.artifact.weights_id)
        facts = stages.once("trained", "training", self._training_inputs(), self._trained)
        new = trained_network(recipe, self.training, facts, self.settings.storage)
        after = self._evaluated("after", "evaluating the new weights", new, facts["sha256"])
        verdict = judge_weights(before, after, self.settings.margins)
        stages.begin("drawing the report")
        networks = Networks(self.old, new)
        content = self._content(noise, recipe, facts, (before, after), verdict, networks)
        write_report(content, self.out)
        if not verdict.promoted:
            report = self.out / "report.html"
            raise PromotionRefused(
                f"refused: {'; '.join(verdict.reasons)}. The weights stay in {self.training}, no artifact is written; "
                f"see {report}{self._earlier()}"
            )
        return self._promoted(new, content, facts)

    def _extract(self, bags: Sequence[Path]) -> None:
        hashes = self._hashes(bags)
        identity = self.settings.identity(self.start.artifact.weights_id, hashes)
        check_claim(self.out, identity)
        self.stages.begin("turning recordings into shards")
        result = extract(bags, self.shards, self.settings.extraction, say=self.stages.say)
        self.notes += [f"nothing could be read from {failure.message}" for failure in result.failures]
        manifest = self._frozen(hashes) if result.samples else None
        if manifest is None or not manifest.bags:
            raise RecordingError(_nothing(result))
        for note in self.notes:
            self.stages.say(note)
        self.notes += [note for record in manifest.bags.values() for note in record.notes]
        _ = self.split  # what cannot be split is no retraining yet, and may be asked for differently
        claim(self.out, identity)

    def _frozen(self, hashes: Sequence[str]) -> Manifest:
        """The recordings of this retraining, which stay the same once it is claimed."""
        if not (self.out / REQUEST).is_file() or not (self.recordings / MANIFEST).is_file():
            return freeze_recordings(self.shards, self.recordings, hashes)
        frozen, there = Manifest.read(self.recordings), Manifest.read(self.shards)
        self.notes += [
            f"{record.name} could not be read when this retraining began; to use it, choose another --out"
            for bag, record in there.bags.items()
            if bag in hashes and bag not in frozen.bags
        ]
        return frozen

    def _hashes(self, bags: Sequence[Path]) -> list[str]:
        """Hashes of the bags that can be read; the extraction finds them again."""
        self.shards.mkdir(parents=True, exist_ok=True)
        cache, hashes = HashCache(self.shards), set()
        for bag in bags:
            with suppress(OSError):  # the extraction says so
                digest = cache.get(bag) or hash_bag(bag)
                cache.put(bag, digest)
                hashes.add(digest)
        cache.write()
        return sorted(hashes)

    @cached_property
    def split(self) -> Split:
        """Frames to train on and held ones."""
        split = split_frames(self.recordings, self.settings.split)
        for name, count in split.frames.items():
            self.stages.say(f"  {name}: {count['train']} frames to train on, {count['held']} held")
        return split

    @cached_property
    def old(self) -> Any:
        """The network with the weights in service so far."""
        return network_of_artifact(self.start.artifact.folder)

    @cached_property
    def dev(self) -> list[Pair]:
        """The base set's images to evaluate on."""
        return self.base.dev()

    @cached_property
    def _frames(self) -> dict[str, Any]:
        """What decides which frames are trained on and which are held."""
        bags = Manifest.read(self.recordings).bags.values()
        shards = {record.bag: [shard.sha256 for shard in record.shards] for record in bags}
        return {"shards": shards, "split": asdict(self.settings.split), "scale": self.settings.scale}

    @cached_property
    def _images(self) -> dict[str, Any]:
        """What decides which images are evaluated on, and how."""
        settings = self.settings
        return {
            "frames": self._frames,
            "held_images": settings.held_images,
            "base": digest_of_images(self.dev),
            "protocols": self.start.protocols,
            "storage": settings.storage,
        }

    def _training_inputs(self) -> dict[str, Any]:
        recipe = hashlib.sha256((self.out / "recipe.yaml").read_bytes()).hexdigest()
        return {"recipe": recipe, "frames": self._frames, "from": self.start.artifact.weights_id}

    def _measured(self, split: Split) -> dict[str, Any]:
        return measure_noise(split.train, self.settings.scale).as_text()

    def _recipe(self, split: Split, noise: MeasuredNoise) -> Recipe:
        path = self.out / "recipe.yaml"
        if not path.is_file():
            recipe = build_recipe(self.settings.training, self.start, self.base, self.recordings, split, noise.sensor)
            write_recipe(recipe, path)
        return load_recipe(path)

    def _trained(self) -> dict[str, Any]:
        return fine_tune(self.out / "recipe.yaml", data_folder(self.base, self.out), self.training)

    def _evaluated(self, name: str, doing: str, network: Any, weights: str) -> dict[str, Any]:
        held = spread(self.split.held, self.settings.held_images)
        inputs = {"weights": weights, **self._images}
        return self.stages.once(
            name, doing, inputs, lambda: evaluate_both(network, held, self.dev, self.start.protocols)
        )

    def _earlier(self) -> str:
        """A warning where an artifact of an earlier run is there."""
        there = [path.parent for path in self.out.glob(f"*_{VARIANT}/card.json")]
        return f". {there[0]}, which an earlier run promoted, is kept" if there else ""

    def _content(
        self,
        noise: MeasuredNoise,
        recipe: Recipe,
        facts: Mapping[str, Any],
        found: tuple[Mapping[str, Any], Mapping[str, Any]],
        verdict: Verdict,
        networks: Networks,
    ) -> ReportContent:
        card, split = self.start.artifact.card, self.split
        return ReportContent(
            f"Retraining of {card.name}",
            verdict,
            *found,
            self.start.main,
            noise,
            read_losses(self.training),
            self._facts(recipe, facts),
            split.in_time,
            split.frames,
            tuple(dict.fromkeys(self.notes)),
            held_pictures(networks, spread(split.held, _HELD_PICTURES)),
            base_pictures(networks, _some(self.dev, _BASE_PICTURES), self.start.main),
        )

    def _facts(self, recipe: Recipe, facts: Mapping[str, Any]) -> dict[str, str]:
        artifact, margins = self.start.artifact, self.settings.margins
        shares = ", ".join(f"{name} {share:.0%}" for name, share in recipe.crops.degradations.items())
        return {
            "started from": f"{artifact.card.name}, weights {artifact.weights_id}",
            "recordings": ", ".join(str(path) for path in self.settings.bags),
            "base set": f"{self.settings.training.base_share:.0%} of the crops: {self.base.words}",
            "base set to evaluate on": self.base.dev_words,
            "crops": f"{recipe.batch_size} of {recipe.crops.size} px a step; {shares}",
            "training": f"{facts['steps']} steps in {facts['minutes']} minutes on {facts['machine']}, learning rate "
            f"{recipe.optimiser.learning_rate:g}, loss {dict(recipe.loss)}",
            "margins": f"held frames {100 * margins.held:g} %, base set {100 * margins.base:g} %",
        }

    def _promoted(self, network: Any, content: ReportContent, facts: Mapping[str, Any]) -> Retrained[Verdict]:
        inputs = {"weights": facts["sha256"], "before": digest_of(content.before), "after": digest_of(content.after)}
        done = self.stages.once(
            "promoted",
            "writing the artifact and checking its engine",
            inputs,
            lambda: self._exported(network, content),
        )
        artifact = promoted_artifact(self.out, done["artifact"])
        words = promotion_words(artifact, done["engine_words"])
        report = write_report(ReportContent(**{**vars(content), "promotion": words}), self.out)
        return Retrained(artifact, content.verdict, report, words["switch"])

    def _exported(self, network: Any, content: ReportContent) -> dict[str, Any]:
        settings = self.settings
        name = f"{settings.model}_x{settings.scale}_{VARIANT}"
        record = record_of_run(settings, content, self.training / "weights.safetensors", name)
        facts = card_facts(settings, self.start, content, record)
        candidate = write_candidate(network, settings.model, self.out, settings.storage, facts, record)
        pair = load_pair(self.split.held[0])
        engine = check_engine_of(candidate, pair, self.settings.engine_cache)
        for note in engine.notes:
            self.stages.say(f"  {note}")
        return promoted(candidate, engine, self.out)


def _nothing(result: ExtractionResult) -> str:
    failures = "\n".join(f"  {failure.message}" for failure in result.failures)
    return f"nothing could be read from the recordings:\n{failures or '  they changed while they were read; try again'}"


def _some(pairs: Sequence[Pair], count: int) -> list[Pair]:
    wanted = min(count, len(pairs))
    return [pairs[number * len(pairs) // wanted] for number in range(wanted)]

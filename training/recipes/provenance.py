"""Where weights come from: one record of every stage that led to them, beside them in `provenance.json`.

The stages are in one list, each after those that it builds on, its parents. A stage is a training, a mean of runs, a
network grown or shrunk from another, or weights imported from elsewhere. The record is history: nobody is promised that
its commands run again. `as_text` says how the file looks, `docs/training.md` what its keys mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import PROVENANCE
from training.recipes.lineage import free_id, stages_of_facts

FORMAT = 1
KINDS = ("train", "average", "grow", "shrink", "import")
Stage = dict[str, Any]
"""A stage's `id`, `kind`, `parents`, `start_weights` and `weights`, and what is known of it."""

_OWN = "training.json"  # of runs of earlier versions


@dataclass(frozen=True)
class Provenance:
    """The record of a file of weights.

    Attributes:
        stages: each after its parents; the last one made the weights.
        weights: sha256 of the file; None where a run of an earlier version has not kept it.
    """

    stages: tuple[Stage, ...]
    weights: str | None

    @property
    def last(self) -> Stage:
        """The stage that made the weights."""
        return self.stages[-1]

    def as_text(self) -> str:
        """The record as JSON: a line for each fact of a stage, and for each section of a recipe's settings."""
        stages = ",\n".join(_block(stage, 2) for stage in self.stages)
        head = f'{{\n "format": {FORMAT},\n "weights": {json.dumps(self.weights)},\n "stages": [\n'
        return f"{head}{stages}\n ]\n}}\n"

    def write(self, folder: Path) -> None:
        """Writes the record into the folder of the weights."""
        (folder / PROVENANCE).write_text(self.as_text(), encoding="utf-8")

    def amended(self, name: str, facts: Mapping[str, Any]) -> Provenance:
        """The record with another id and further facts of its last stage."""
        before = self.stages[:-1]
        return Provenance((*before, {**self.last, **facts, "id": free_id(name, before)}), self.weights)

    def stored(self, weights: Path) -> Provenance:
        """The record of the same weights in another file, such as one of half precision."""
        return Provenance(self.stages, sha256_of(weights))


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provenance_of(weights: Path) -> Provenance:
    """The record of weights, from their folder.

    Runs and artifacts of earlier versions have no `provenance.json`: their `training.json` or card is read. Weights of
    which nothing is known are one stage of kind `import`.

    Raises:
        FileNotFoundError: no such file of weights.
        ValueError: the record is damaged, or of other weights.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: expected a file of weights, found none")
    digest = sha256_of(weights)
    record, run, card = (weights.parent / name for name in (PROVENANCE, _OWN, "card.json"))
    if record.is_file():
        return _read(record, digest)
    facts = json.loads(run.read_text()) if run.is_file() else {}
    if not facts and card.is_file():
        facts = json.loads(card.read_text()).get("training")
    return Provenance(tuple(stages_of_facts(facts or {"weights": weights.name})), digest)


def parse(text: str, where: str) -> Provenance:
    """Reads what `as_text` wrote.

    Raises:
        ValueError: it is no such record, named by `where`.
    """
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise ValueError(f"{where}: expected format {FORMAT}, found {raw['format']}; update this package")
        record = Provenance(tuple(dict(stage) for stage in raw["stages"]), raw["weights"])
        ids = [stage["id"] for stage in record.stages]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{where}: expected JSON with `format`, `weights` and `stages`, found {error!r}") from error
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"{where}: expected stages with ids of their own, found {ids}")
    return record


def _read(path: Path, digest: str) -> Provenance:
    record = parse(path.read_text(encoding="utf-8"), str(path))
    if record.weights != digest:
        raise ValueError(
            f"{path}: expected weights with sha256 {record.weights} beside it, found {digest}; remove the record, or "
            "put back the weights that it is of"
        )
    return record


def continued(
    parents: Sequence[Provenance], kind: str, name: str, facts: Mapping[str, Any], weights: Path
) -> Provenance:
    """The record of weights that a stage made of others.

    Args:
        parents: records of the weights that it began with; none for random ones.
        kind: one of `KINDS`.
        name: that the stage gets as its id; with a number where another stage has it.
        facts: what is known of the stage.
        weights: file that it wrote.
    """
    stages, ends = merged(parents)
    digest = sha256_of(weights)
    links = {"parents": ends, "start_weights": [parent.weights for parent in parents], "weights": digest}
    own = {"id": free_id(name, stages), "kind": kind, **links, **facts}
    return Provenance((*stages, own), digest)


def merged(records: Sequence[Provenance]) -> tuple[list[Stage], list[str]]:
    """The stages of several records, each once, and the id of each record's last stage.

    Stages of the same content are one; another stage whose id is taken gets a number behind it.
    """
    stages: list[Stage] = []
    ends = []
    for record in records:
        ids: dict[str, str] = {}
        for stage in record.stages:
            parents = stage.get("parents")
            moved = {**stage, "parents": parents and [ids.get(parent, parent) for parent in parents]}
            same = next((known for known in stages if _content(known) == _content(moved)), None)
            if same is None:
                same = {**moved, "id": free_id(stage["id"], stages)}
                stages.append(same)
            ids[stage["id"]] = same["id"]
        ends.append(ids[record.last["id"]])
    return stages, ends


def _content(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stage.items() if key != "id"}


def summary(record: Provenance) -> dict[str, Any]:
    """What a card says of all stages together, as data sets, steps, minutes and machines, and of the last: its loss."""
    trained = [stage for stage in record.stages if "steps" in stage]
    steps = sum(stage["steps"] for stage in trained)
    minutes = round(sum(stage.get("minutes", 0) for stage in trained), 1)
    machines = dict.fromkeys(plain_machine(stage["machine"]) for stage in trained if stage.get("machine"))
    loss = loss_of(record.last)
    return {
        "data": sorted({name for stage in record.stages for name in stage.get("data") or ()}),
        **({"steps": steps, "minutes": minutes} if trained else {}),
        **({"machine": "; ".join(machines)} if machines else {}),
        **({"loss": loss} if loss else {}),
    }


def loss_of(stage: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The loss that a stage minimised; None where it did not train or that is not known."""
    loss: Mapping[str, Any] | None = stage.get("loss") or (stage.get("settings") or {}).get("loss")
    return loss


def plain_machine(machine: str) -> str:
    """`AMD EPYC, 2 cores (one used)` is the machine `AMD EPYC, 2 cores`."""
    return machine.partition(" (")[0]


def _block(values: Mapping[str, Any], depth: int) -> str:
    """An object with a line for each key; of `settings`, too, each key has a line."""
    lines = [f"{json.dumps(key)}: {_value(key, value, depth + 1)}" for key, value in values.items()]
    return " " * depth + "{" + f",\n{' ' * (depth + 1)}".join(lines) + "}"


def _value(key: str, value: Any, depth: int) -> str:
    if key == "settings":
        return _block(value, depth + 1).lstrip()
    return json.dumps(value, ensure_ascii=False)

"""The record of what led to weights: written by every way to make some, and shipped beside those that ship."""

import json
import re
import shutil

import pytest
import safetensors.torch
import torch

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from training.fitting.run_folder import _kept_start
from training.recipes.provenance import KINDS, Provenance, continued, merged, parse, provenance_of, sha256_of, summary

SUM = re.compile(r"[0-9a-f]{64}")


def _stage(name, *parents, **facts):
    return {"id": name, "kind": "train", "parents": list(parents), "start_weights": [], "weights": "0", **facts}


def _weights(folder, value=0.0):
    folder.mkdir(exist_ok=True)
    safetensors.torch.save_file({"weight": torch.full((2,), value)}, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def test_what_is_written_is_read_again(tmp_path):
    weights = _weights(tmp_path)
    begun = Provenance((_stage("a", settings={"crops": {"size": 32}, "loss": {"l1": 1.0}}),), "0")
    record = continued([begun], "train", "b", {"steps": 3}, weights)
    record.write(tmp_path)
    assert provenance_of(weights) == record
    assert record.last["start_weights"] == ["0"] and record.last["weights"] == record.weights == sha256_of(weights)


def test_stages_that_records_share_stand_there_once_and_others_get_another_name():
    one = Provenance((_stage("a"), _stage("b", "a")), "1")
    other = Provenance((_stage("a"), _stage("b", "a", steps=5), _stage("c", "b")), "2")
    stages, ends = merged([one, other])
    assert [stage["id"] for stage in stages] == ["a", "b", "b-2", "c"] and ends == ["b", "c"]
    assert stages[-1]["parents"] == ["b-2"]


def test_a_record_of_other_weights_is_refused(tmp_path):
    weights = _weights(tmp_path)
    continued([], "train", "a", {}, weights).write(tmp_path)
    _weights(tmp_path, 1.0)
    with pytest.raises(ValueError, match=r"provenance.json: expected weights with sha256 \w+ beside it, found"):
        provenance_of(weights)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"format": 1}', '{"format": 2, "stages": []}', '{"format": 1, "weights": "", "stages": []}'],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match="here: expected"):
        parse(text, "here")


def test_nothing_is_known_of_bare_weights(tmp_path):
    record = provenance_of(_weights(tmp_path))
    assert [stage["kind"] for stage in record.stages] == ["import"] and summary(record) == {"data": []}


def test_artifacts_of_earlier_versions_are_read_from_their_cards(tmp_path, artifact):
    folder = shutil.copytree(artifact.folder, tmp_path / "older")
    (folder / "provenance.json").unlink()
    card = json.loads((folder / "card.json").read_text())
    del card["files"]["provenance.json"]
    first = {"recipe": "first", "steps": 2, "minutes": 1.0, "machine": "M (one core)", "data": ["a"], "earlier": None}
    card["training"] = {"recipe": "last", "steps": 3, "minutes": 2.0, "machine": "M", "data": ["b"], "earlier": first}
    (folder / "card.json").write_text(json.dumps(card))
    record = provenance_of(read_artifact(folder).weights)
    assert [stage["id"] for stage in record.stages] == ["first", "last"]
    assert summary(record) == {"data": ["a", "b"], "steps": 5, "minutes": 3.0, "machine": "M"}


def test_a_run_that_an_earlier_version_began_goes_on_with_what_it_wrote_down(tmp_path):
    assert _kept_start(tmp_path) is None
    (tmp_path / "start.json").write_text(json.dumps({"recipe": "last", "steps": 3, "earlier": {"recipe": "first"}}))
    start = _kept_start(tmp_path)
    assert start is not None and [stage["id"] for stage in start.stages] == ["first", "last"]
    record = continued([start], "train", "mine", {}, _weights(tmp_path))
    assert record.last["parents"] == ["last"] and record.last["start_weights"] == [None]


@pytest.mark.parametrize("name", list_artifacts())
def test_what_ships_says_where_it_comes_from(name):
    artifact = read_artifact(SHIPPED / name)
    assert artifact.provenance and artifact.provenance.stat().st_size < 60_000
    record, card, known = provenance_of(artifact.weights), artifact.card, set()
    assert record.weights == record.last["weights"] == card.files["weights.safetensors"]
    for stage in record.stages:
        assert stage["kind"] in KINDS and set(stage["parents"]) <= known, stage["id"]
        assert len(stage["start_weights"]) == len(stage["parents"])
        sums = [*stage["start_weights"], stage["weights"]]
        assert all(SUM.fullmatch(digest) for digest in sums if digest is not None)
        assert (None in sums) == ("unknown" in stage), "what is not known has a reason"
        assert stage["kind"] != "train" or {"steps", "minutes", "machine", "data", "settings", "command"} <= set(stage)
        known.add(stage["id"])
    assert summary(record).items() <= card.training.items()
    assert not {"earlier", "averaged_in"} & set(card.training), "that is what the record is for"

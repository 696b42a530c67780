"""Averaging the weights of runs."""

import json
import math

import pytest
import safetensors.torch
import torch

from training.__main__ import main
from training.evaluation.known_scenes import sets_of_weights
from training.recipes.provenance import provenance_of, sha256_of
from training.surgery.average import average_runs


def _run(folder, value, width=2):
    folder.mkdir()
    tensors = {"weight": torch.full((width,), float(value)), "num_batches_tracked": torch.tensor(5)}
    safetensors.torch.save_file(tensors, folder / "weights.safetensors")
    (folder / "training.json").write_text(json.dumps({"recipe": folder.name, "command": f"train {folder.name}"}))
    return folder


def test_mean_of_the_weights_and_the_facts_of_all(tmp_path):
    out = tmp_path / "mean"
    weights = average_runs([_run(tmp_path / "a", 1), _run(tmp_path / "b", 3)], out)
    state = safetensors.torch.load_file(weights)
    assert state["weight"].tolist() == [2, 2] and state["num_batches_tracked"] == 5
    last = provenance_of(weights).last
    assert last["parents"] == ["a", "b"] and last["command"].startswith("python -m training average runs/a runs/b")
    assert last["start_weights"] == [sha256_of(tmp_path / name / "weights.safetensors") for name in ("a", "b")]


def test_a_mean_is_averaged_by_the_name_of_its_run_and_knows_what_went_into_it(tmp_path):
    average_runs([_run(tmp_path / "a", 1), _run(tmp_path / "b", 3)], tmp_path / "mean")
    average_runs([tmp_path / "mean", _run(tmp_path / "c", 5)], tmp_path / "next")
    record = provenance_of(tmp_path / "next" / "weights.safetensors")
    assert record.last["command"] == "python -m training average runs/mean runs/c --out RUN"
    assert [stage["id"] for stage in record.stages] == ["a", "b", "mean", "c", "next"]
    assert record.last["parents"] == ["mean", "c"]


def test_a_mean_knows_which_splits_it_was_trained_on(tmp_path):
    runs = [_run(tmp_path / name, 1) for name in ("a", "b")]
    for run in runs:
        (run / "training.json").write_text(
            json.dumps({"recipe": run.name, "command": "", "data": ["nyu"], "splits": {"nyu": "dada-train"}})
        )
    average_runs(runs, tmp_path / "mean")
    assert sets_of_weights(tmp_path / "mean" / "weights.safetensors") == {"nyu:dada-train"}


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="another network"):
        average_runs([_run(tmp_path / "a", 1), _run(tmp_path / "b", 1, width=3)], tmp_path / "mean")


def test_shares_say_how_much_each_run_counts(tmp_path):
    runs = [_run(tmp_path / "a", 1), _run(tmp_path / "b", 3)]
    state = safetensors.torch.load_file(average_runs(runs, tmp_path / "mean", [1, 4]))
    assert state["weight"].tolist() == pytest.approx([2.6, 2.6]) and state["num_batches_tracked"] == 5
    facts = provenance_of(tmp_path / "mean" / "weights.safetensors").last
    assert facts["shares"] == [1, 4]
    assert facts["command"] == "python -m training average runs/a runs/b --shares 1 4 --out RUN"
    for shares in ([1], [1, 0], [1, math.nan], [1, math.inf]):
        with pytest.raises(ValueError, match="expected a number above 0 for each of 2 runs, found"):
            average_runs(runs, tmp_path / "mean", shares)


def test_a_part_has_shares_of_its_own(tmp_path, capsys):
    runs = [_run(tmp_path / "a", 1), _run(tmp_path / "b", 3)]
    for run, value in zip(runs, (1.0, 3.0), strict=True):
        tensors = {"guide.weight": torch.full((2,), value), "depth.weight": torch.full((2,), value)}
        safetensors.torch.save_file(tensors, run / "weights.safetensors")
    words = ["average", *map(str, runs), "--shares", "1", "1", "--out", str(tmp_path / "mean")]
    assert main([*words, "--part", "guide", "3", "1"]) == 0
    state = safetensors.torch.load_file(tmp_path / "mean" / "weights.safetensors")
    assert state["guide.weight"].tolist() == [1.5, 1.5] and state["depth.weight"].tolist() == [2, 2]
    facts = provenance_of(tmp_path / "mean" / "weights.safetensors").last
    assert facts["parts"] == {"guide": [3, 1]}
    assert facts["command"].endswith("average runs/a runs/b --shares 1 1 --part guide 3 1 --out RUN")
    for part, said in (
        (["guide", "3"], "part guide: expected a number above 0 for each of 2 runs, found [3.0]"),
        (["colour", "3", "1"], "part colour: expected a word in the names of weights, found it in none of 2"),
        (["guide", "much", "1"], "--part: expected a word and a number for each run"),
    ):
        assert main([*words, "--part", *part]) == 2
        assert said in capsys.readouterr().err


def test_one_run_is_no_average(tmp_path):
    with pytest.raises(ValueError, match="two or more"):
        average_runs([_run(tmp_path / "a", 1)], tmp_path / "mean")

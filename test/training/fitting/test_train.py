"""The whole way on a synthetic data set: train, resume, evaluate, export, run."""

import json

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from depth_sr_ros.models import create_model
from depth_sr_ros.models.weights import load_weights, rounded, save_weights
from depth_sr_ros.upsampler import Upsampler
from training.__main__ import main
from training.evaluation.network_scores import network_of_recipe
from training.fitting.checkpoints import step_to_resume
from training.fitting.crop_loader import open_source
from training.networks.loading import load_into
from training.recipes.provenance import provenance_of
from training.recipes.recipe import load_recipe

RECIPE = """
model: fdkn
scale: 8
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
batch_size: 2
max_steps: %d
max_minutes: 60
evaluate_every: 6
workers: %d
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_folder):
    """A finished run of 12 steps: 6, then resumed with another number of workers."""
    folder = tmp_path_factory.mktemp("training")
    for steps, workers, resume in ((6, 1, []), (12, 0, ["--resume"])):
        (folder / "fdkn_x8.yaml").write_text(RECIPE % (steps, workers))
        arguments = ["--recipe", str(folder / "fdkn_x8.yaml"), "--data", str(data_folder), "--out", str(folder / "run")]
        assert main(["train", *arguments, *resume]) == 0
    return folder


def test_run_keeps_weights_logs_and_facts(run):
    facts = provenance_of(run / "run" / "weights.safetensors").last
    assert (facts["resumed_at"], facts["steps"]) == (6, 12)
    assert facts["data"] == ["layers"] and "fdkn_x8" in facts["command"]
    assert (run / "run" / "weights.safetensors").is_file()
    assert list((run / "run" / "tensorboard").glob("events*"))


def test_scalars_and_pictures_are_logged(run):
    events = EventAccumulator(str(run / "run" / "tensorboard")).Reload()
    scalars = events.Tags()["scalars"]
    assert {"dev_ratio", "dev_ratio/bicubic", "dev_rmse/bicubic"} <= set(scalars)
    assert events.Tags()["images"] == ["dev/s3"]
    assert [e.step for e in events.Images("dev/s3")][-1] == 12


def test_a_checkpoint_from_before_a_setting_existed_can_be_resumed(run, tmp_path):
    checkpoint = torch.load(run / "run" / "last.ckpt", map_location="cpu", weights_only=True)
    then = json.loads(checkpoint["recipe"])
    recipe = _recipe_of(then, tmp_path)
    assert then["crops"].pop("windows") == 1
    torch.save({**checkpoint, "recipe": json.dumps(then)}, tmp_path / "last.ckpt")
    assert step_to_resume(tmp_path / "last.ckpt", load_recipe(recipe)) == checkpoint["global_step"]
    with_windows = _recipe_of({**then, "crops": {**then["crops"], "windows": 2}}, tmp_path)
    with pytest.raises(ValueError, match="'crops'.*'windows': 1.*'windows': 2"):
        step_to_resume(tmp_path / "last.ckpt", load_recipe(with_windows))


def _recipe_of(settings, folder):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_other_settings_cannot_take_over_a_run(run, data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text((RECIPE % (12, 0)).replace("batch_size: 2", "batch_size: 4"))
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(run / "run")]
    assert main(["train", *arguments, "--resume"]) == 2
    assert "{'batch_size': (2, 4)}" in capsys.readouterr().err


def test_last_checkpoint_knows_the_best_on_disk(run):
    """Else a resumed run could replace the best weights by worse ones."""
    last, best = (torch.load(run / "run" / name, weights_only=True) for name in ("last.ckpt", "best.ckpt"))
    (kept,) = [c for c in last["callbacks"].values() if "best_model_score" in c]
    (own,) = [c for c in best["callbacks"].values() if "best_model_score" in c]
    assert kept["best_model_score"] == own["best_model_score"]
    assert last["global_step"] == 12


def test_exported_artifact_serves_frames_and_its_card_holds_the_scores_that_the_recipe_names(run, data_folder):
    recipe, target = run / "scored" / "fdkn_x8.yaml", run / "fdkn_x8"
    recipe.parent.mkdir()
    recipe.write_text((RECIPE % (12, 0)) + "evaluation: [live, dkn-bicubic]\n")
    arguments = ["--recipe", str(recipe), "--run", str(run / "run"), "--data", str(data_folder)]
    assert main(["export", *arguments, "--artifact", str(target)]) == 0
    card = json.loads((target / "card.json").read_text())
    evaluation = card["evaluation"]
    assert evaluation["protocol"] == "live" and set(evaluation["test"]["rmse"]) == {"s4"}
    assert set(evaluation["dkn-bicubic"]) == {"dev", "test"} and "cell-median" not in evaluation
    assert evaluation["test"]["mean"] != evaluation["dkn-bicubic"]["test"]["mean"]
    assert card["command"].startswith("python -m training train")
    upsampler = Upsampler(scale=8, weights=target)
    result = upsampler(np.zeros((64, 64, 3), np.uint8), np.linspace(1, 2, 64, dtype=np.float32).reshape(8, 8))
    assert np.isfinite(result.depth).all()


def test_without_data_to_evaluate_on_an_artifact_has_no_errors_on_its_card(run):
    arguments = ["--recipe", str(run / "fdkn_x8.yaml"), "--run", str(run / "run")]
    assert main(["export", *arguments, "--artifact", str(run / "unmeasured" / "fdkn_x8")]) == 0
    upsampler = Upsampler(scale=8, weights=run / "unmeasured" / "fdkn_x8")
    assert upsampler(np.zeros((64, 64, 3), np.uint8), np.ones((8, 8), np.float32)).depth.shape == (64, 64)
    assert json.loads((run / "unmeasured" / "fdkn_x8" / "card.json").read_text())["evaluation"] == {}


def test_progress_counts_to_the_last_step_only_where_steps_end_a_run(run, data_folder, capsys):
    recipe = run / "counted" / "fdkn_x8.yaml"
    recipe.parent.mkdir()
    arguments = ["--recipe", str(recipe), "--data", str(data_folder)]
    for minutes, words in ((0, "6/6 ["), (60, "6/? [")):
        recipe.write_text((RECIPE % (6, 0)).replace("max_minutes: 60", f"max_minutes: {minutes}"))
        assert main(["train", *arguments, "--out", str(run / "counted" / str(minutes))]) == 0
        said = capsys.readouterr()
        assert words in said.out + said.err and "left=0:00" in said.out + said.err


def test_evaluate_prints_a_row_per_method_with_the_image_and_the_mean(artifact, data_folder, capsys):
    arguments = ["--data", str(data_folder), "--splits", "test", "--classical", "bicubic"]
    assert main(["evaluate", str(artifact.folder), *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| RMSE (levels) | s4 | mean of 1 |" in lines
    rows = {line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("| ")}
    for name in ("bicubic", artifact.folder.name):
        image, mean = (float(cell) for cell in next(r for r in lines if r.startswith(f"| {name} |")).split("|")[2:4])
        assert image == mean > 0, rows


@pytest.mark.parametrize("storage", ["int8", "fp16"])
def test_networks_begin_from_small_weights(run, tmp_path, storage):
    state = load_weights(run / "run" / "weights.safetensors")
    save_weights(state, tmp_path / "small.safetensors", storage)
    found = network_of_recipe(load_recipe(run / "fdkn_x8.yaml"), tmp_path / "small.safetensors").state_dict()
    expected = rounded(state, storage)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    assert any(not torch.equal(tensor, state[name]) for name, tensor in found.items())


def test_weights_of_another_network_are_told_what_was_expected(run, data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text(
        (RECIPE % (1, 0)).replace("scale: 8", "scale: 4")
        + (f"start_from: {run / 'run' / 'weights.safetensors'}\nmodel_options: {{guide: none}}\n")
    )
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(tmp_path / "out")]
    assert main(["train", *arguments]) == 2
    said = capsys.readouterr().err
    assert "expected the weights of fdkn with options" in said and "unknown: guide_branch" in said
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="expected a safetensors file"):
        load_into(create_model("fdkn", scale=8), tmp_path / "text.safetensors", "fdkn")


def test_weights_drawn_anew_are_not_those_of_the_start(run):
    torch.manual_seed(5)
    network = create_model("fdkn", scale=8)
    drawn = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = run / "run" / "weights.safetensors"
    load_into(network, weights, "fdkn", ("guide_branch.*",))
    start, found = load_weights(weights), network.state_dict()
    for name, tensor in found.items():
        assert torch.equal(tensor, (drawn if name.startswith("guide_branch.") else start)[name])
    with pytest.raises(ValueError, match="start_anew.*'colour.\\*', which fits none"):
        load_into(network, weights, "fdkn", ("colour.*",))


def test_a_run_is_not_replaced_by_another(run, data_folder, capsys):
    arguments = ["--recipe", str(run / "fdkn_x8.yaml"), "--data", str(data_folder), "--out", str(run / "run")]
    assert main(["train", *arguments]) == 2
    assert "last.ckpt: a run exists already; continue it with --resume" in capsys.readouterr().err


def test_losses_that_are_not_finite_end_the_run_and_leave_the_last_good_checkpoint(start_training, tmp_path):
    (tmp_path / "r.yaml").write_text(
        "model: tiny_spoilt\nscale: 8\ndata: {splits: [train], shares: {layers: 1.0}}\ncrops: {size: 32}\n"
        "batch_size: 1\nmax_steps: 50\nmax_minutes: 0\nevaluate_every: 40\ncheckpoint_every: 2\nworkers: 0\n"
    )
    process = start_training(tmp_path / "r.yaml", tmp_path / "out")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "step 9: loss or gradient was not finite, in 5 steps in a row" in errors
    last = torch.load(tmp_path / "out" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    assert all(tensor.isfinite().all() for tensor in last["state_dict"].values())


def test_unknown_recipe_is_one_line_and_status_two(data_folder, tmp_path, capsys):
    assert main(["train", "--recipe", "nosuch", "--data", str(data_folder), "--out", str(tmp_path)]) == 2
    assert "nosuch: expected the name of a recipe" in capsys.readouterr().err


def test_resuming_needs_a_checkpoint(run, data_folder, tmp_path, capsys):
    arguments = ["--recipe", str(run / "fdkn_x8.yaml"), "--data", str(data_folder), "--out", str(tmp_path)]
    assert main(["train", *arguments, "--resume"]) == 2
    assert "nothing to resume from" in capsys.readouterr().err


def test_unknown_protocol_lists_the_known_ones(artifact, data_folder, capsys):
    assert main(["evaluate", str(artifact.folder), "--data", str(data_folder), "--protocol", "x"]) == 2
    assert "dkn-bicubic" in capsys.readouterr().err


def test_shares_of_nothing_are_named(data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text((RECIPE % (1, 0)).replace("layers: 1.0", "layers: 0.0"))
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(tmp_path / "out")]
    assert main(["train", *arguments]) == 2
    assert "share above 0 for at least one of ['layers'] or `procedural`" in capsys.readouterr().err


def test_a_set_of_share_zero_is_not_looked_for(data_folder, tmp_path):
    text = (RECIPE % (1, 0)).replace("shares: {layers: 1.0}", "shares: {layers: 0.0}, procedural: 1.0")
    (tmp_path / "made_up.yaml").write_text(text)
    source = open_source(load_recipe(tmp_path / "made_up.yaml"), data_folder)
    assert source.draw(np.random.default_rng(0)).entry.dataset == "procedural"


def test_set_without_images_is_named(run, data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text((RECIPE % (1, 0)).replace("layers", "nyu"))
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(tmp_path)]
    assert main(["train", *arguments]) == 2
    assert "no images of ['nyu']" in capsys.readouterr().err

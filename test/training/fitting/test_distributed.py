"""Two processes that share a batch do what one process does with all of it."""

import pytest
import torch

from training.datasets.endless import EndlessSampler
from training.fitting.crop_loader import open_dev
from training.fitting.validation import DevEvaluation
from training.networks.loading import load_into
from training.recipes.provenance import provenance_of
from training.recipes.recipe import load_recipe

RECIPE = """
model: tiny_pair
scale: 8
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
batch_size: 4
loss: {super_resolution: {l1: 1.0}, estimation: {estimate_l1: 1.0}}
max_steps: 4
max_minutes: 0
evaluate_every: 4
"""
QUERIED = RECIPE.replace("tiny_pair", "tiny_queried").replace(
    "loss: {super_resolution: {l1: 1.0}, estimation: {estimate_l1: 1.0}}", "queries: 300"
)
NORMED = """
model: tiny_normed
scale: 8
data: {splits: [train], shares: {layers: 1.0}, dev: {manifest: {split: all, folder: "."}}}
crops: {size: 32}
batch_size: 4
max_steps: 4
max_minutes: 0
evaluate_every: 4
"""
MUON = QUERIED + "optimiser: {name: muon}\n"
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def _take(count, *arguments):
    numbers = iter(EndlessSampler(*arguments))
    return [next(numbers) for _ in range(count)]


def test_processes_share_every_batch():
    assert _take(6, 4, 5, 0, 2) == [20, 21, 24, 25, 28, 29]
    assert _take(6, 4, 5, 1, 2) == [22, 23, 26, 27, 30, 31]
    assert _take(4, 4, 5) == [20, 21, 22, 23]


def test_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="batch_size: expected a multiple of 3 processes, found 4"):
        EndlessSampler(4, processes=3)


def _gradient_averages(optimiser):
    """Adam's and Muon's running averages of gradients, by optimiser, parameter's number and the average's name."""
    parts = {name: optimiser[name]["state"] for name in ("muon", "adam") if name in optimiser}
    return {
        (part, number, key): state[key]
        for part, states in (parts or {"adam": optimiser["state"]}).items()
        for number, state in states.items()
        for key in ("exp_avg", "momentum_buffer")
        if key in state
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("text", [RECIPE, QUERIED, MUON], ids=["two losses", "queries", "Muon"])
def test_gradients_and_weights_are_those_of_one_process_with_the_whole_batch(text, start_training, tmp_path):
    """The network has no batch normalisation, which on CPUs sees each process's share of the batch only."""
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(text)
    runs = []
    for name, launcher in (("one", ()), ("two", TWO)):
        process = start_training(recipe, tmp_path / name, launcher=launcher)
        _, errors = process.communicate(timeout=250)
        assert process.returncode == 0, errors
        runs.append(torch.load(tmp_path / name / "last.ckpt", weights_only=True))
    one, two = runs
    assert one["global_step"] == two["global_step"] == 4
    for name, weight in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], weight, rtol=0, atol=1e-6)
    averages, expected = (_gradient_averages(run["optimizer_states"][0]) for run in (two, one))
    assert averages.keys() == expected.keys()
    for name, average in expected.items():
        torch.testing.assert_close(averages[name], average, rtol=1e-4, atol=1e-7)
    assert provenance_of(tmp_path / "two" / "weights.safetensors").last["processes"] == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("average", ["0.0", "0.5"], ids=["plain", "averaged weights"])
def test_dev_ratio_is_that_of_the_weights_written(average, start_training, data_folder, tiny, tmp_path):
    """Each process scores some of the images; its own running statistics are not those that are written."""
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(NORMED + f"average_weights: {average}\n")
    process = start_training(recipe, tmp_path / "two", launcher=TWO)
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors
    callbacks = torch.load(tmp_path / "two" / "best.ckpt", weights_only=True)["callbacks"]
    (told,) = [state["best_model_score"] for state in callbacks.values() if "best_model_score" in state]
    network, settings = tiny.TinyNormed().eval(), load_recipe(recipe)
    load_into(network, tmp_path / "two" / "weights.safetensors", "tiny_normed")
    means, _ = DevEvaluation(open_dev(settings, data_folder), 8, 1, settings.dev)(network, "bicubic")
    assert means["ratio"] == pytest.approx(float(told), rel=1e-5)

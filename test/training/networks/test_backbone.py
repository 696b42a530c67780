"""A ResNet's published weights go into the colour encoder, and nowhere else; synthetic ones stand for torchvision's."""

import pytest
import safetensors.torch
import torch

from depth_sr_ros.models import create_model
from depth_sr_ros.models.layers.resnet import ResNet
from training.__main__ import main
from training.fitting.start_weights import Given, recipe_to_train
from training.networks.backbone import first_layer, load_backbone
from training.recipes.provenance import provenance_of
from training.recipes.recipe import load_recipe

BRIDGENET = {"scale": 8, "width": 8, "deep_blocks": 1, "backbone": "resnet18"}
RECIPE = """
model: bridgenet
scale: 8
model_options: {width: 8, deep_blocks: 1, backbone: resnet18}
backbone_from: %s
loss: {super_resolution: {l1: 1.0}, estimation: {estimate_l1: 1.0}}
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
optimiser: {learning_rate: 1.0e-12}
batch_size: 2
max_steps: %d
max_minutes: 0
evaluate_every: 1
workers: 0
"""


def _published(name):
    """Named and shaped as torchvision's; older files of it have no counters."""
    torch.manual_seed(1)
    state = ResNet(name).state_dict()
    state = {k: v + 0.01 * torch.rand_like(v) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    return {**state, "fc.weight": torch.rand(1000, 8), "fc.bias": torch.rand(1000)}


def _encoder(network):
    (encoder,) = [module for module in network.modules() if isinstance(module, ResNet)]
    return encoder


@pytest.fixture(scope="module")
def resnet18():
    return _published("resnet18")


@pytest.fixture(scope="module")
def file(resnet18, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18-0123abcd.pth"
    torch.save(resnet18, path)
    return path


@pytest.mark.parametrize(("options", "levels"), [({}, 5), ({"estimation": False}, 3)])
def test_every_tensor_of_the_levels_that_are_built_gets_to_its_place(resnet18, file, options, levels):
    network = create_model("bridgenet", **BRIDGENET, **options)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_backbone(network, file, "bridgenet")
    assert _encoder(network).levels == levels
    for name, tensor in network.state_dict().items():
        theirs = resnet18.get(name.removeprefix("backbone.")) if name.startswith("backbone.") else None
        assert torch.equal(tensor, before[name] if theirs is None else theirs), name


def test_safetensors_do_as_well(resnet18, tmp_path):
    safetensors.torch.save_file(resnet18, tmp_path / "r.safetensors")
    network = create_model("bridgenet", **BRIDGENET)
    load_backbone(network, tmp_path / "r.safetensors", "bridgenet")
    assert torch.equal(network.backbone.layer4[1].bn2.running_var, resnet18["layer4.1.bn2.running_var"])


def test_first_layer_of_dada_takes_depth_as_a_fourth_channel(tmp_path):
    published = _published("resnet50")
    torch.save(published, tmp_path / "r.pth")
    network = create_model("dada")
    load_backbone(network, tmp_path / "r.pth", "dada")
    expected = 0.75 * published["conv1.weight"][:, [0, 1, 2, 0]]
    torch.testing.assert_close(network.network.encoder.conv1.weight.data, expected, rtol=0, atol=0)
    assert torch.equal(network.network.encoder.layer3[5].conv3.weight, published["layer3.5.conv3.weight"])


@pytest.mark.parametrize("inputs", [1, 3, 4, 6])
def test_an_image_of_equal_channels_is_seen_alike_by_every_first_layer(inputs):
    weight = torch.rand(4, 3, 7, 7)
    adapted = first_layer(weight, inputs)
    assert adapted.shape == (4, inputs, 7, 7)
    if inputs % 3:
        weight = weight.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        adapted = first_layer(weight, inputs)
    torch.testing.assert_close(adapted.sum(dim=1), weight.sum(dim=1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("layer2.0.conv1.weight"), "1 missing: layer2.0.conv1.weight"),
        (lambda state: state.update({"layer9.weight": torch.rand(1)}), "1 unknown: layer9.weight"),
        (lambda state: state.update({"bn1.bias": torch.rand(3)}), r"bn1.bias \(64,\), \(3,\)"),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_what_does_not_fit_is_named(resnet18, tmp_path, change, said):
    state = dict(resnet18)
    change(state)
    torch.save(state, tmp_path / "r.pth")
    with pytest.raises(ValueError, match=f"backbone_from: .*r.pth: expected torchvision's weights.*{said}"):
        load_backbone(create_model("bridgenet", **BRIDGENET), tmp_path / "r.pth", "bridgenet")


def test_other_files_and_networks_are_refused(file, tmp_path):
    with pytest.raises(ValueError, match="expected a network with a ResNet .* found fdkn"):
        load_backbone(create_model("fdkn"), file, "fdkn")
    with pytest.raises(FileNotFoundError, match=r"none.pth: no such file; expected torchvision's"):
        load_backbone(create_model("bridgenet", **BRIDGENET), tmp_path / "none.pth", "bridgenet")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="expected a safetensors file"):
        load_backbone(create_model("bridgenet", **BRIDGENET), tmp_path / "text.safetensors", "bridgenet")
    torch.save(create_model("fdkn"), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match="nothing but tensors"):
        load_backbone(create_model("bridgenet", **BRIDGENET), tmp_path / "whole.pth", "bridgenet")


def test_a_run_begins_with_it_once_and_says_so(resnet18, tmp_path, data_folder):
    file, recipe, run = tmp_path / "resnet18-0123abcd.pth", tmp_path / "mine.yaml", tmp_path / "run"
    torch.save(resnet18, file)
    arguments = ["train", "--recipe", str(recipe), "--data", str(data_folder), "--out", str(run)]
    recipe.write_text(RECIPE % (file, 1))
    assert main(arguments) == 0
    file.unlink()
    recipe.write_text(RECIPE % (file, 2))
    assert main([*arguments, "--resume"]) == 0
    facts = provenance_of(run / "weights.safetensors").last
    assert (facts["resumed_at"], facts["steps"]) == (1, 2)
    assert facts["settings"]["backbone_from"] == "resnet18-0123abcd.pth" and facts["parents"] == []
    ended = safetensors.torch.load_file(run / "weights.safetensors")
    torch.testing.assert_close(ended["backbone.conv1.weight"], resnet18["conv1.weight"], atol=1e-6, rtol=0)


def test_weights_given_on_the_command_line_stand_for_the_backbone_too(tmp_path, file):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE % ("nowhere.pth", 1))
    kept = load_recipe(recipe_to_train(recipe, tmp_path / "run", Given(str(file))))
    assert kept.start_from == str(file) and kept.backbone_from is None
    assert load_recipe(recipe_to_train(recipe, tmp_path / "run", resume=True)) == kept

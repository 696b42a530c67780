"""An import says what it did with every tensor, and refuses to leave a network half filled."""

import hashlib

import pytest
import safetensors.torch
import torch

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.commands.main import main
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.models import create_model
from depth_sr_ros.models.released import LAYOUTS, ImportSettings, ReleasedError, convert

_THEIRS = {"guide_branch": "ImageKernel", "depth_branch": "DepthKernel"}
_PLACES = {0: "1", 1: "1_bn", 3: "2", 5: "3", 6: "3_bn", 8: "4", 10: "5", 11: "5_bn", 13: "6"}


def _their_name(name):
    branch, *place, leaf = name.split(".")
    layer = f"conv{_PLACES[int(place[1])]}" if place[0] == "features" else f"conv_{place[0].removesuffix('_head')}"
    return f"{_THEIRS[branch]}.{layer}.{leaf}"


@pytest.fixture
def released():
    """FDKN weights, named as the authors name them."""
    torch.manual_seed(0)
    return {_their_name(name): tensor for name, tensor in create_model("fdkn", guide="grey").state_dict().items()}


def test_every_tensor_gets_to_its_place(released):
    network, report = convert("fdkn", released, scale=8)
    assert report.used == 62
    assert all(torch.equal(tensor, released[_their_name(name)]) for name, tensor in network.state_dict().items())


def test_unrecognised_tensors_are_named(released):
    _, report = convert("fdkn", {**released, "ImageKernel.conv9.weight": torch.rand(3)}, scale=8)
    assert report.unrecognised == ("ImageKernel.conv9.weight",)
    assert any("NOT RECOGNISED" in line and "ImageKernel.conv9.weight" in line for line in report.lines())


def test_a_missing_tensor_is_an_error_that_names_it_and_what_was_not_recognised(released):
    released["ImageKernel.third.bias"] = released.pop("ImageKernel.conv3.bias")
    with pytest.raises(ReleasedError, match=r"guide_branch.features.5.bias; not recognised.*ImageKernel.third.bias"):
        convert("fdkn", released, scale=8)


def test_counters_that_old_files_lack_are_not_needed(released):
    old = {name: tensor for name, tensor in released.items() if not name.endswith("num_batches_tracked")}
    _, report = convert("fdkn", old, scale=8)
    assert len(report.defaulted) == 6 and report.used == 56


def test_a_tensor_of_another_shape_is_an_error(released):
    released["DepthKernel.conv2.bias"] = torch.rand(31)
    with pytest.raises(ReleasedError, match=r"features.3.bias: expected shape \(32,\), found \(31,\)"):
        convert("fdkn", released, scale=8)


def test_weights_of_another_network_are_recognised_as_such(released):
    with pytest.raises(ReleasedError, match="released dkn: .*looks like fdkn"):
        convert("dkn", released, scale=8)
    with pytest.raises(ReleasedError, match="released jiif: .*looks like fdkn"):
        convert("jiif", released, scale=8)


def test_options_can_be_told(released):
    settings = ImportSettings(options={"residual": False, "sampling": "half_pixel"})
    network, _ = convert("fdkn", released, scale=4, settings=settings)
    assert network.options["residual"] is False and network.options["sampling"] == "half_pixel"
    with pytest.raises(ReleasedError, match="residul"):
        convert("fdkn", released, scale=4, settings=ImportSettings(options={"residul": False}))


def test_channel_order_that_cannot_be_had_is_refused(released):
    with pytest.raises(ReleasedError, match=r"expected one of \('bgr',\) for fdkn, found 'rgb'"):
        convert("fdkn", released, scale=8, settings=ImportSettings(channel_order="rgb"))


def test_unknown_model_names_those_with_released_weights(released):
    with pytest.raises(ReleasedError, match="dada.*dagf.*dkn.*fdkn.*jiif"):
        convert("bridgenet", released, scale=8)


@pytest.mark.parametrize("model", sorted(LAYOUTS))
def test_every_layout_says_where_weights_come_from_and_by_which_conventions(model):
    layout = LAYOUTS[model]
    assert layout.repository.startswith("https://github.com/")
    assert layout.licence and layout.conventions and layout.channel_orders


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_command_writes_an_artifact_with_its_origin(released, tmp_path, capsys):
    checkpoint = tmp_path / "FDKN_4x"
    torch.save(released, checkpoint, _use_new_zipfile_serialization=False)
    arguments = ["import-weights", "fdkn", str(checkpoint), "--scale", "4", "-o", str(tmp_path / "made")]
    assert main(arguments) == 0
    assert "62 tensors imported" in capsys.readouterr().err
    artifact = read_artifact(tmp_path / "made", "fdkn", 4)
    assert check_engine(OnnxRuntimeEngine, artifact, "fp32", threads=1).passed
    card = artifact.card
    assert card.options["guide"] == "grey" and card.options["sampling"] == "aligned_corners"
    assert card.training["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert card.training["licence"] == "GPL-3.0"
    stored = safetensors.torch.load_file(tmp_path / "made" / "weights.safetensors")
    assert torch.equal(stored["depth_branch.weight_head.weight"], released["DepthKernel.conv_weight.weight"])
    assert card.command == " ".join(["depth-sr", *arguments])


def test_command_ends_with_an_explanation(tmp_path, capsys):
    made = str(tmp_path / "made")
    assert main(["import-weights", "fdkn", str(tmp_path / "none"), "--scale", "4", "-o", made]) == 2
    assert "no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import-weights", "fdkn", "x", "--scale", "4", "-o", made, "--option", "residual"])
    assert "expected NAME=VALUE" in capsys.readouterr().err

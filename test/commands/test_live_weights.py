"""What commands and training do with weights of the live frame graph."""

import json

import pytest
from live_networks import live_artifact

from depth_sr_ros.artifact import ArtifactError
from depth_sr_ros.commands.main import main
from depth_sr_ros.offline.quantisation import QuantisationError, quantise_artifact
from training.evaluation.comparison import network_contestant
from training.retraining.settings import Settings
from training.retraining.starting_artifact import starting_point


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return live_artifact(tmp_path_factory.mktemp("commands"))


def test_compile_builds_a_plan_for_the_size_of_the_images(live, tmp_path, capsys):
    words = ["compile", str(live.folder), "--size", "60x44", "--precision", "fp32", "--cache", str(tmp_path)]
    assert main([*words, "--engine", "openvino"]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if "openvino" in line)
    assert row[:5] == ["fdkn_live", "64x48", "openvino", "fp32", "built"]


def test_bench_times_live_weights_at_a_ratio(live, capsys):
    words = ["bench", "--weights", str(live.folder), "--size", "96x64", "--ratio", "2", "--rounds", "1", "--json"]
    assert main([*words, "--engine", "onnxruntime", "--threads", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["artifact"] == "fdkn_live" and report["depth_size"] == [48, 32]
    assert list(report["frames"]) == ["onnxruntime fp32"]


def test_what_cannot_take_live_weights_says_so(live, tmp_path):
    words = "knows weights of the papers' frame graph only, found those of the live one"
    with pytest.raises(QuantisationError, match="found those of the live one, whose 8-bit graph .*quantise-live"):
        quantise_artifact(live, [], tmp_path / "out")
    with pytest.raises(ArtifactError, match=f"evaluation by protocols {words}"):
        network_contestant(str(live.folder))


def test_retraining_at_a_scale_does_not_start_from_live_weights(live, tmp_path):
    settings = Settings((), tmp_path / "out", model="fdkn", scale=0, start=live.folder)
    with pytest.raises(ArtifactError, match="retraining at a scale knows weights of the papers' frame graph only"):
        starting_point(settings)

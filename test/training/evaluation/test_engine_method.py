"""Evaluating what an engine makes of an artifact."""

import numpy as np
import pytest
import torch

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines import EngineError, base
from depth_sr_ros.engines.select import ENGINE_NAMES
from training.__main__ import main
from training.datasets.pairs import load_pair, read_manifest
from training.evaluation.comparison import compare, network_contestant
from training.evaluation.engine_method import EngineMethod
from training.evaluation.protocols import protocol
from training.networks.devices import full_precision

ENGINE = "fdkn_x8_live@onnxruntime:fp32"


def test_an_engine_gives_what_training_takes_the_node_to_give(data_folder, monkeypatch):
    """Under `live`, with holes, cases are normalised, filled and clamped as the frame graph does it."""
    # this alone is not the graph's: what single cells have beyond the others goes around it
    monkeypatch.setattr(base, "clip_to_supported", lambda depth: (depth, None))
    case = protocol("live").pose(load_pair(read_manifest(data_folder, "test")[0]), 8)
    assert case.clamped and (case.seen.valid == 0).any()
    engine, network = (network_contestant(words) for words in (ENGINE, "fdkn_x8_live"))
    assert (engine.name, engine.key, engine.scale) == (ENGINE, "fdkn", 8)
    assert engine.trained_on == network.trained_on
    torch.testing.assert_close(case.answer(engine.method), case.answer(network.method), atol=2e-4 * case.span, rtol=0)


def test_building_an_engine_is_no_part_of_its_time_and_its_errors_are_the_networks(data_folder):
    pairs = [load_pair(entry) for entry in read_manifest(data_folder, "test")]
    contestants = [network_contestant(words) for words in ("fdkn_x8_live", ENGINE)]
    network, engine = compare(contestants, pairs, ["live"], [8])
    assert engine.measures["rmse"] == pytest.approx(network.measures["rmse"], rel=1e-3)
    built = contestants[1].method.seconds_building
    assert engine.seconds > 0 and built > 0
    compare(contestants, pairs, ["live"], [8])
    assert contestants[1].method.seconds_building == built


def _ask(method, height, width):
    guide, depth = torch.rand(1, 3, 8 * height, 8 * width), torch.linspace(0, 1, height * width)
    return method(guide, depth.reshape(1, 1, height, width), torch.ones(1, 1, height, width))


def test_images_of_other_sizes_and_one_that_fails_leave_the_next_unharmed(monkeypatch):
    method = EngineMethod(read_artifact(SHIPPED / "fdkn_x8"), "onnxruntime", "fp32")
    assert _ask(method, 6, 8).shape == (1, 1, 48, 64) and _ask(method, 7, 9).shape == (1, 1, 56, 72)

    def failing(grid):
        raise EngineError("no memory")

    with monkeypatch.context() as broken, pytest.raises(EngineError, match="no memory"):
        broken.setattr(method, "_choice", type("Choice", (), {"build": staticmethod(failing)}))
        _ask(method, 5, 5)
    assert np.isfinite(_ask(method, 7, 9).numpy()).all()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fdkn_x8@openvino:fp3", "fdkn_x8@openvino:fp3: precision: expected one of ('auto', "),
        ("fdkn_x8@nowhere", f"fdkn_x8@nowhere: engine: expected one of {ENGINE_NAMES}"),
        ("fdkn_x8@onnxruntime:fp32+", "found 'fp32+'"),
    ],
)
def test_what_is_no_engine_is_said(words, expected, data_folder, capsys):
    assert main(["evaluate", words, "--data", str(data_folder)]) == 2
    assert expected in capsys.readouterr().err


def test_full_precision_is_for_a_while():
    before = torch.backends.cudnn.allow_tf32
    with pytest.raises(ValueError, match="stop"), full_precision():
        assert torch.backends.cudnn.allow_tf32 is False
        raise ValueError("stop")
    assert torch.backends.cudnn.allow_tf32 is before

"""From live weights to an artifact that knows what each precision costs."""

import numpy as np
import pytest
from live_networks import live_artifact
from quantised_by_hand import quantised_artifact

from depth_sr_ros.artifact import INT8, PRECISION_ERROR, SHIPPED, read_artifact
from depth_sr_ros.cameras.registration import Registered
from depth_sr_ros.engines import EngineError
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.models.export.example_frames import example_live_frame
from training.__main__ import main
from training.datasets.live.crops import LiveCrop, smoothed
from training.datasets.live.dev import DevCrop, _write
from training.fitting import live_quantising
from training.fitting.live.precision_error import engine_inputs, precision_errors
from training.fitting.live_quantising import calibration_frames, precision_table, quantise_live


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return live_artifact(tmp_path_factory.mktemp("quantising"), spoken=0.05)


def _crop(seed):
    frame = example_live_frame(8)
    window = (slice(0, 64), slice(0, 64))
    rgb, start, near, far, quality = (frame[name][window] for name in ("rgb", "start", "near", "far", "quality"))
    guide = (rgb / np.float32(255)).astype(np.float32)
    registered = Registered(start, quality, near, far, 1.0, 0)
    noise = np.random.default_rng(seed).normal(1, 0.02, start.shape)
    truth = (np.where(np.arange(64) < 32, near, far) * noise).astype(np.float32)
    return DevCrop("r2", f"made{seed}", LiveCrop(guide, registered, smoothed(guide, registered, 2.0), truth, 2.0), rgb)


@pytest.fixture
def dev(tmp_path):
    _write([_crop(0), _crop(1)], tmp_path / "validation.npz")
    return tmp_path / "validation.npz"


@pytest.fixture
def by_hand(live, monkeypatch):
    """Ranges found by hand instead of by nncf, which few machines have, and no data folder."""
    monkeypatch.setattr(live_quantising, "quantiser_version", lambda: "by hand")
    monkeypatch.setattr(live_quantising, "calibration_frames", lambda *_: [engine_inputs(_crop(2).crop)])

    def write(artifact, frames, folder):
        made = quantised_artifact(artifact, [*frames, artifact.golden_inputs()], folder / "hand")
        return [made.folder / name for name in INT8]

    monkeypatch.setattr(live_quantising, "write_int8_graph", write)


def test_the_card_says_what_each_precision_costs(live, dev, by_hand, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["quantise-live", "--artifact", str(live.folder), "--data", str(tmp_path), "--out", str(out)]
    assert main([*words, "--count", "1", "--dev", str(dev)]) == 0
    made = read_artifact(out)
    table = made.card.evaluation[PRECISION_ERROR]
    assert table["crops"] == 2 and set(table) == {"crops", *OpenVinoEngine.precisions(), "int8"}
    exact = [np.abs(_run(made, one, "fp32") - one.crop.truth).mean() * 1e3 for one in (_crop(0), _crop(1))]
    assert table["fp32"]["mae_mm"] == pytest.approx(np.mean(exact), rel=1e-5)
    rough = [np.abs(_run(made, one, "int8") - one.crop.truth).mean() * 1e3 for one in (_crop(0), _crop(1))]
    assert table["int8"]["relative"]["mae_mm"] == pytest.approx(np.mean(rough) / np.mean(exact), rel=1e-5)
    assert table["int8"]["mae_mm"] != table["fp32"]["mae_mm"]
    assert made.card.precision_cost("int8") <= live_quantising.LIMIT
    assert str(tmp_path) not in made.card.quantisation["command"] and made.card.quantisation["layers"] == 13
    assert "| int8 |" in capsys.readouterr().out


def _run(artifact, one, precision):
    with OpenVinoEngine(artifact, one.crop.truth.shape, precision, 1) as engine:
        return engine.infer(engine_inputs(one.crop))["depth_hr"]


def test_refused_where_it_costs_too_much(live, dev, by_hand, tmp_path, monkeypatch):
    monkeypatch.setattr(live_quantising, "LIMIT", -0.5)
    with pytest.raises(ValueError, match="refused: expected errors in int8 at most -50% above those in fp32"):
        quantise_live(live, tmp_path, tmp_path / "out", dev=dev)
    assert not (tmp_path / "out").exists()


def test_without_nncf_it_says_what_to_install(live, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nncf", None)
    with pytest.raises(EngineError, match=r"pip install 'depth_sr_ros\[quantise\]'"):
        quantise_live(live, tmp_path, tmp_path / "out")


def test_weights_of_the_papers_are_sent_to_the_other_command(tmp_path):
    with pytest.raises(ValueError, match="found those of the papers one; quantise them with `depth-sr quantise`"):
        quantise_live(read_artifact(SHIPPED / "fdkn_x8"), tmp_path, tmp_path / "out")


def test_crops_to_calibrate_with_are_the_same_ones_every_time(shared_data):
    first, again = (calibration_frames(shared_data, 2, "procedural") for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one["rgb"].dtype == np.uint8 and one["quality"].dtype == np.uint8
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert not np.array_equal(first[0]["rgb"], first[1]["rgb"])


def test_nothing_to_calibrate_or_measure_with_is_refused(live, tmp_path):
    with pytest.raises(ValueError, match="--count: expected a whole number of 1 or more, found 0"):
        calibration_frames(tmp_path, 0)
    with pytest.raises(ValueError, match="expected at least one crop, found none"):
        precision_errors(live, [])


def test_the_table_names_errors_and_their_share():
    errors = {"mae_mm": 10.0, "edges_mm": 40.0}
    found = precision_table({"fp32": {**errors, "relative": {"mae_mm": 1.0, "edges_mm": 1.0}}, "crops": 3})
    assert found.splitlines()[2:] == ["| fp32 | 10.000 | 40.000 | 1.0000 / 1.0000 |"]

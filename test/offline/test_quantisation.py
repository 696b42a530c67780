"""Quantising with real frames: its price is measured, written down, and limited."""

import dataclasses
import json
import weakref
from functools import partial
from itertools import count

import cv2
import numpy as np
import pytest

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.commands.main import main
from depth_sr_ros.offline import quantisation as quantise
from depth_sr_ros.offline.quantisation import QuantisationError, quantise_artifact
from depth_sr_ros.recordings.opening import open_recording
from depth_sr_ros.recordings.recording import RecordedFrame
from depth_sr_ros.upsampler import Upsampler

SIZE = (160, 128)  # width, height: real frames made smaller, so that this is quick


@pytest.fixture(scope="module")
def frames(shared_data, tmp_path_factory):
    """Six real frames of a kitchen."""
    source, folder = shared_data / "recordings" / "kinect_redkitchen", tmp_path_factory.mktemp("kitchen")
    for kind, name in (("rgb", "rgb"), ("depth", "depth_registered")):
        (folder / kind).mkdir()
        for path in sorted((source / name).iterdir())[::36][:6]:
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            small = cv2.resize(image, SIZE, interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(folder / kind / f"{path.stem}.png"), small)
    camera = {"width": SIZE[0], "height": SIZE[1], "fx": 150, "fy": 150, "cx": 80, "cy": 64}
    (folder / "camera.json").write_text(json.dumps(camera))
    return folder


@pytest.fixture
def nncf():
    return pytest.importorskip("nncf", reason="making 8-bit graphs needs nncf, of the extra `quantise`")


def test_command_makes_an_artifact_that_serves_and_says_what_it_costs(frames, nncf, tmp_path, capsys):
    out = tmp_path / "fdkn_int8"
    assert main(["quantise", "fdkn_x8", "--frames", str(frames), "--count", "3", "-o", str(out)]) == 0
    note = read_artifact(out, "fdkn", 8).card.quantisation
    assert note["calibration_frames"] == 3 and note["frames"] >= 1
    assert note["rmse_int8"] == pytest.approx(note["rmse_fp32"] * (1 + note["cost"]))
    assert -0.01 < note["cost"] <= quantise.LIMIT
    assert "depth-sr quantise fdkn_x8" in note["command"] and str(tmp_path) not in note["command"]
    assert "in int8" in capsys.readouterr().err
    info = Upsampler(weights=out, precision="int8").describe()
    assert (info.engine, info.precision) == ("openvino", "int8")


def test_refused_where_it_costs_too_much(frames, nncf, artifact, tmp_path, monkeypatch):
    monkeypatch.setattr(quantise, "LIMIT", -0.5)
    with pytest.raises(QuantisationError, match="refused: expected an error at most"):
        quantise_artifact(artifact, [open_recording(frames)], tmp_path / "out", frames=2)
    assert not (tmp_path / "out").exists()


def test_coarse_depth_cannot_measure_the_price(frames, nncf, artifact, tmp_path):
    for path in (frames / "rgb").iterdir():
        (tmp_path / "in" / "rgb").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "depth").mkdir(exist_ok=True)
        (tmp_path / "in" / "rgb" / path.name).write_bytes(path.read_bytes())
        depth = cv2.imread(str(frames / "depth" / path.name), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(tmp_path / "in" / "depth" / path.name), depth[::8, ::8])
    (tmp_path / "in" / "camera.json").write_text((frames / "camera.json").read_text())
    with pytest.raises(QuantisationError, match="expected depth as large as the colour image"):
        quantise_artifact(artifact, [open_recording(tmp_path / "in")], tmp_path / "out", frames=2)


def test_without_nncf_it_says_what_to_install(artifact, frames, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nncf", None)
    with pytest.raises(QuantisationError, match=r"pip install 'depth_sr_ros\[quantise\]'"):
        quantise_artifact(artifact, [open_recording(frames)], tmp_path / "out")


class LongRecording:
    """Pairs at 10 Hz; knows how many of its frames lived at the same time."""

    name, rate_hz, notes = "long", 10.0, ()

    def __init__(self, pairs):
        self.depth_count, self.most = pairs, 0
        self._alive, self._made = weakref.WeakValueDictionary(), count()

    def frames(self):
        for index in range(self.depth_count):
            for stream in ("colour", "depth"):
                load = partial(pytest.fail, "nobody asked for its pixels")
                frame = RecordedFrame(stream, str(index), index * 100_000_000, "camera", None, load)
                self._alive[next(self._made)] = frame
                self.most = max(self.most, len(self._alive))
                yield frame


def test_frames_that_measure_are_not_those_that_calibrate():
    early, late = quantise._chosen(LongRecording(100), 20_000_000, 4)
    assert [[colour.name for colour, _ in pairs] for pairs in (early, late)] == [["0", "16", "32", "49"], ["50", "99"]]
    assert all(colour.stamp_ns == depth.stamp_ns for colour, depth in early + late)


def test_a_long_recording_is_not_kept_in_memory():
    recording = LongRecording(300)
    quantise._chosen(recording, 20_000_000, 4)
    assert recording.most <= 2 * (4 + 2) + 4  # the chosen pairs, and those on their way


def test_a_recording_of_one_pair_is_refused():
    with pytest.raises(QuantisationError, match="long: expected at least two pairs of colour and depth, found 1"):
        quantise._chosen(LongRecording(1), 20_000_000, 4)


def test_not_a_number_is_refused():
    broken = quantise.Accuracy(1, 0.01, float(np.nan), 0.0)
    for accuracy in (broken, dataclasses.replace(broken, rmse_int8=0.0102)):
        with pytest.raises(QuantisationError, match="refused"):
            quantise._check(accuracy)
    quantise._check(dataclasses.replace(broken, rmse_int8=0.01005))

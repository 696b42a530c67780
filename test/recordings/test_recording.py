import json

import cv2
import numpy as np
import pytest

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.relation import relate
from depth_sr_ros.recordings.opening import open_recording
from depth_sr_ros.recordings.recording import RecordingError, Streams, pair_frames
from depth_sr_ros.recordings.reduced import ReducedRecording

CAMERA = Intrinsics(64, 48, 50.0, 51.0, 30.5, 24.25)


def images(count=3):
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 256, (count, 48, 64, 3), dtype=np.uint8)
    depth = rng.integers(500, 4000, (count, 48, 64), dtype=np.uint16)
    return colour, depth


def write_folder(folder, stems=("000", "001", "002"), camera=None):
    colour, depth = images(len(stems))
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    for index, stem in enumerate(stems):
        cv2.imwrite(str(folder / "rgb" / f"{stem}.png"), colour[index, ..., ::-1])
        cv2.imwrite(str(folder / "depth" / f"{stem}.png"), depth[index])
    if camera is not None:
        (folder / "camera.json").write_text(json.dumps(camera))
    return colour, depth


def camera_json(**more):
    return {"width": 64, "height": 48, "fx": 50.0, "fy": 51.0, "cx": 30.5, "cy": 24.25, **more}


def loaded(recording, stream):
    return [frame.load()[0] for frame in recording.frames() if frame.stream == stream]


def test_reads_a_folder_as_it_was_written(tmp_path):
    colour, depth = write_folder(tmp_path, camera=camera_json(rate_hz=10))
    recording = open_recording(tmp_path)
    frames = list(recording.frames())
    assert [(f.stream, f.name, f.stamp_ns) for f in frames[:4]] == [
        ("colour", "000", 0), ("depth", "000", 0), ("colour", "001", 10**8), ("depth", "001", 10**8)
    ]  # fmt: skip
    assert frames[0].intrinsics == CAMERA
    np.testing.assert_array_equal(loaded(recording, "colour"), colour)
    np.testing.assert_array_equal(loaded(recording, "depth"), depth)
    assert recording.depth_count == 3 and recording.rate_hz == 10


def test_stems_that_are_times_become_the_stamps(tmp_path):
    write_folder(tmp_path, ("1305031102.175304", "1305031102.211214"))
    stamps = [f.stamp_ns for f in open_recording(tmp_path).frames() if f.stream == "depth"]
    assert stamps == [1305031102175304000, 1305031102211214000]


@pytest.mark.parametrize(
    "text", ["50 51 30.5 24.25", "50 0 30.5\n0 51 24.25\n0 0 1", "64x48 fx 50 fy 51 cx 30.5 cy 24.25 (by hand)"]
)
def test_reads_intrinsics_from_text(tmp_path, text):
    write_folder(tmp_path)
    (tmp_path / "intrinsics.txt").write_text(text)
    assert next(open_recording(tmp_path).frames()).intrinsics == CAMERA


def test_given_intrinsics_win_over_the_file(tmp_path):
    write_folder(tmp_path, camera=camera_json())
    recording = open_recording(tmp_path, Streams(intrinsics=(1.0, 2.0, 3.0, 4.0)))
    assert next(recording.frames()).intrinsics == Intrinsics(64, 48, 1.0, 2.0, 3.0, 4.0)


def test_without_intrinsics_says_how_to_give_them(tmp_path):
    write_folder(tmp_path)
    recording = open_recording(tmp_path)
    assert next(recording.frames()).intrinsics is None
    assert "--intrinsics" in recording.notes[0]


def test_reduced_depth_is_a_measured_value_with_its_intrinsics(tmp_path):
    _, depth = write_folder(tmp_path, camera=camera_json())
    reduced = ReducedRecording(open_recording(tmp_path), 8)
    frame = next(f for f in reduced.frames() if f.stream == "depth")
    coarse = frame.metres()
    assert coarse.shape == (6, 8)
    assert round(float(coarse[2, 3]) * 1000) in depth[0, 16:24, 24:32]
    assert frame.intrinsics == CAMERA.resized(8, 6)


def test_reduced_cells_are_whole_ones_also_where_the_size_is_no_multiple(tmp_path):
    _, depth = write_folder(tmp_path, camera=camera_json())
    frame = next(f for f in ReducedRecording(open_recording(tmp_path), 5).frames() if f.stream == "depth")
    coarse = frame.metres()
    assert coarse.shape == (10, 13)
    assert round(float(coarse[8, 11]) * 1000) in depth[0, 40:45, 55:60]
    known = frame.intrinsics
    assert (known.fx, known.fy) == pytest.approx((10.0, 10.2))
    assert (known.cx, known.cy) == pytest.approx(((30.5 + 0.5) / 5 - 0.5, (24.25 + 0.5) / 5 - 0.5))


def test_pairs_frames_by_stamp(tmp_path):
    write_folder(tmp_path)
    pairs = list(pair_frames(open_recording(tmp_path).frames(), 0))
    assert [(c.stream, c.name, d.stream, d.name) for c, d in pairs] == [
        ("colour", name, "depth", name) for name in ("000", "001", "002")
    ]


def test_one_damaged_image_spoils_only_itself(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "depth" / "001.png").write_bytes(b"no image")
    frames = [f for f in open_recording(tmp_path).frames() if f.stream == "depth"]
    with pytest.raises(FrameError) as error:
        frames[1].load()
    assert error.value.cause == "unreadable"
    assert frames[2].load()[0].shape == (48, 64)


def break_count(folder):
    (folder / "rgb" / "001.png").unlink()


def break_bits(folder):
    cv2.imwrite(str(folder / "depth" / "000.png"), np.zeros((48, 64), np.uint8))


def break_layout(folder):
    (folder / "depth").rename(folder / "distance")


def break_empty(folder):
    for path in (folder / "rgb").iterdir():
        path.unlink()


def break_camera(folder):
    (folder / "camera.json").write_text(json.dumps(camera_json(width=640)))


def break_json(folder):
    (folder / "camera.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (break_count, "found 2 colour and 3 depth files.*001"),
        (break_bits, "16-bit single-channel PNG.*uint8"),
        (break_layout, "found no folder depth/"),
        (break_empty, "found no .png or .jpg"),
        (break_camera, "intrinsics are for"),
        (break_json, "camera.json"),
    ],
)
def test_refuses_what_cannot_be_a_recording(tmp_path, damage, expected):
    write_folder(tmp_path, camera=camera_json())
    damage(tmp_path)
    with pytest.raises(RecordingError, match=expected):
        open_recording(tmp_path)


@pytest.mark.parametrize("given", [None, (50.0, 51.0, 30.5, 24.25)])
@pytest.mark.parametrize("wrong", [{"rate_hz": 0}, {"rate_hz": float("nan")}, {"depth_unit_m": -0.001}])
def test_refuses_a_rate_and_a_unit_that_are_not_positive(tmp_path, given, wrong):
    write_folder(tmp_path, camera=camera_json(**wrong))
    with pytest.raises(RecordingError, match="camera.json: expected positive rate_hz and depth_unit_m"):
        open_recording(tmp_path, Streams(intrinsics=given))


@pytest.mark.parametrize(("name", "expected"), [("nowhere", "no such file"), ("a.txt", "expected a bag")])
def test_refuses_sources_of_no_known_kind(tmp_path, name, expected):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(RecordingError, match=expected):
        open_recording(tmp_path / name)


OWN = {"width": 64, "height": 48, "fx": 58.0, "fy": 58.5, "cx": 31.0, "cy": 23.0}
BENT = {"distortion_model": "plumb_bob", "distortion": [0.1, -0.2, 0.0, 0.0, 0.05]}


def calibration_json(folder, **changes):
    known = {
        "colour_camera": camera_json() | BENT, "depth_camera": OWN,
        "depth_to_colour": [0.03, 0, 0, 0, 0, 0, 1], **changes,
    }  # fmt: skip
    (folder / "calibration.json").write_text(json.dumps(known))


def test_calibration_says_that_depth_has_a_camera_of_its_own(tmp_path):
    write_folder(tmp_path)
    calibration_json(tmp_path, rate_hz=5, depth_unit_m=0.0005)
    recording = open_recording(tmp_path)
    colour, depth = list(recording.frames())[:2]
    assert colour.camera == Camera(CAMERA, Lens("plumb_bob", tuple(BENT["distortion"])))
    assert depth.camera == Camera(Intrinsics(**OWN)) and depth.intrinsics == depth.camera.intrinsics
    assert colour.frame_id != depth.frame_id and recording.rate_hz == 5
    assert depth.metres()[0, 0] == pytest.approx(images()[1][0, 0, 0] * 0.0005)
    found = relate(recording.evidence())
    assert found.kind == "unregistered" and found.calibration.colour == colour.camera
    np.testing.assert_allclose(found.calibration.depth_to_colour[:3, 3], [0.03, 0, 0])


@pytest.mark.parametrize("told", ["the folder's name", "no depth camera"])
def test_calibration_of_registered_depth(tmp_path, told):
    write_folder(tmp_path)
    calibration_json(tmp_path, **({} if told == "the folder's name" else {"depth_camera": None}))
    if told == "the folder's name":
        (tmp_path / "depth").rename(tmp_path / "depth_registered")
    recording = open_recording(tmp_path)
    colour, depth = list(recording.frames())[:2]
    assert relate(recording.evidence()).kind == "registered" and depth.camera == colour.camera
    assert colour.frame_id == depth.frame_id


def test_what_a_user_gives_stands_for_what_the_folder_says(tmp_path):
    write_folder(tmp_path / "room", camera=camera_json(rate_hz=10, depth_unit_m=0.01))
    calibration_json(tmp_path)
    motion = (0, 0.1, 0, 0, 0, 0, 1)
    given = Streams(calibration=tmp_path / "calibration.json", depth_unit=0.002, depth_to_colour=motion)
    recording = open_recording(tmp_path / "room", given)
    found = recording.evidence()
    assert found.depth == Camera(Intrinsics(**OWN)) and found.depth_to_colour[1, 3] == 0.1
    assert next(f for f in recording.frames() if f.stream == "depth").metres()[0, 0] == pytest.approx(
        images()[1][0, 0, 0] * 0.002
    )
    with pytest.raises(RecordingError, match="depth_to_colour: expected"):
        open_recording(tmp_path / "room", Streams(depth_to_colour=(0.0, 0.0)))
    with pytest.raises(RecordingError, match="expected a JSON file"):
        open_recording(tmp_path / "room", Streams(calibration=tmp_path / "none.json"))


def test_reduced_depth_of_its_own_camera_has_fewer_pixels_there(tmp_path):
    write_folder(tmp_path)
    calibration_json(tmp_path)
    reduced = ReducedRecording(open_recording(tmp_path), 4)
    found = reduced.evidence()
    assert found.depth_size == (12, 16) and found.depth == Camera(Intrinsics(**OWN).resized(16, 12))
    assert next(f for f in reduced.frames() if f.stream == "depth").camera == found.depth

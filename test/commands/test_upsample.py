"""`depth-sr upsample` on a depth camera's own images: end to end, by exact truth, and with what cannot be used."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens
from two_views import described, seen, write_folder

from depth_sr_ros.cameras.registration import MEASURED, Registration, RegistrationOptions
from depth_sr_ros.commands.main import main
from depth_sr_ros.live.guided import NOISE_M, NOISE_SHARE
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.image_files import read_depth

POSE = motion(x=-0.05, y=0.01, turn=(0.0, 0.01, 0.005))
START = 1_700_000_000_000_000_000


def upsampled(*line):
    """Status of the command, and its result in metres, 0 where there is none."""
    status = main(["upsample", *map(str, line)])
    out = Path(line[line.index("-o") + 1])
    files = sorted(out.glob("*.png")) if out.is_dir() else []
    return status, [read_depth(file) / np.float32(1000) for file in files]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "room"


@pytest.mark.parametrize("lens", sorted(LENSES))
def test_a_folder_with_calibration_is_registered(folder, tmp_path, lens, capsys):
    cameras = [with_lens(camera, known) for camera, known in zip((DEPTH, COLOUR), LENSES[lens], strict=True)]
    truth = write_folder(folder, *cameras, POSE, count=2)
    status, (first, second) = upsampled(folder, "-o", tmp_path / "out")
    said = capsys.readouterr().err
    assert status == 0 and first.shape == COLOUR.size
    np.testing.assert_array_equal(first, second)
    assert "depth is not registered to colour; it is registered by calibration.json: 61x47 for colour 149x101" in said
    assert "baseline 51 mm" in said and "registered here" in said
    known = first > 0
    error = np.abs(first - truth)[known].mean()
    status, (hoped, _) = upsampled(folder, "-o", tmp_path / "hoped", "--assume-registered")
    assert status == 0 and error < 0.3 * np.abs(hoped - truth)[known].mean()
    assert 0.7 < known.mean() < 1


def test_filled_holes_leave_none(folder, tmp_path):
    truth = write_folder(folder, DEPTH, COLOUR, POSE)
    status, (depth,) = upsampled(folder, "-o", tmp_path / "out", "--fill-holes")
    assert status == 0 and (depth > 0).all() and np.abs(depth - truth).mean() < 0.03


def test_range_unit_and_a_single_pair(folder, tmp_path):
    write_folder(folder, DEPTH, COLOUR, POSE, unit=0.00025)
    pair = "--rgb", folder / "rgb" / "000.png", "--depth", folder / "depth" / "000.png"
    told = "--calibration", folder / "calibration.json", "--depth-unit", 0.00025, "--depth-max", 2.0
    assert main(["upsample", *map(str, (*pair, *told, "-o", tmp_path / "out.png"))]) == 0
    depth = read_depth(tmp_path / "out.png") / 1000
    truth = seen(COLOUR, POSE)[0]
    known = depth > 0
    # silhouettes are as fat as a depth pixel
    assert depth.max() < 2.05 and known[truth < 2].mean() > 0.9 and known[truth > 2.1].mean() < 0.05
    assert np.abs(depth - truth)[known & (truth < 2)].mean() < 0.01


def test_falling_coverage_is_told_with_its_cause(folder, tmp_path, capsys):
    write_folder(folder, DEPTH, COLOUR, motion(x=-0.05, turn=(0, 0.3, 0)))
    assert upsampled(folder, "-o", tmp_path / "out")[0] == 0
    assert "warning: coverage falls from 100%" in (said := capsys.readouterr().err)
    assert "of the colour image's view lies outside the depth camera's at" in said
    upsampled(folder, "-o", tmp_path / "near", "--depth-max", 1.6)
    assert "of it lies out of depth_min to depth_max" in capsys.readouterr().err


def write_bag(
    path, depth_camera=DEPTH, colour_camera=COLOUR, pose=POSE, frames=("colour", "tof"), edges=None, spoil=None
):
    """A bag with both camera_infos and /tf_static; `edges` are (parent, child, matrix)."""
    raw, rgb = seen(DEPTH)[0], seen(COLOUR, POSE)[1]
    with BagWriter(path) as bag:
        for parent, child, matrix in [(*frames, pose)] if edges is None else edges:
            bag.write_static_transform(START, parent, child, matrix)
        for topic, frame, camera in (("/rgb", frames[0], colour_camera), ("/depth_raw", frames[1], depth_camera)):
            if camera is not None:
                if spoil and topic in spoil:
                    spoil[topic](bag, f"{topic}/camera_info", frame, camera)
                else:
                    bag.write_camera_info(f"{topic}/camera_info", START, frame, camera.intrinsics, camera.lens)
        bag.write_image("/rgb/image", START, frames[0], rgb, "rgb8")
        bag.write_image("/depth_raw/image", START, frames[1], np.round(raw * 1000).astype(np.uint16), "16UC1")
    return path


def test_a_bag_with_transforms_gives_what_the_folder_gives(folder, tmp_path, capsys):
    write_folder(folder, DEPTH, COLOUR, POSE)
    step = motion(x=0.2, turn=(0.1, 0, 0))
    edges = [("base", "colour", step), ("base", "tof", step @ POSE)]
    status, (depth,) = upsampled(write_bag(tmp_path / "bag", edges=edges), "-o", tmp_path / "out")
    assert status == 0 and "it is registered by /tf_static" in capsys.readouterr().err
    expected = upsampled(folder, "-o", tmp_path / "same")[1][0]
    assert (np.abs(depth - expected) <= 0.0011).mean() > 0.999


def test_extrinsics_may_be_given(tmp_path, capsys):
    bag = write_bag(tmp_path / "bag", pose=motion(x=-0.05), edges=[])
    given = "--depth-to-colour", " -0.05 0 0 0 0 0 1"
    assert upsampled(bag, "-o", tmp_path / "out", *given)[0] == 0
    assert "registered by --depth-to-colour: 61x47 for colour 149x101" in capsys.readouterr().err
    assert upsampled(bag, "-o", tmp_path / "zero", "--depth-to-colour", "0 0 0 0 0 0 0")[0] == 2
    assert "expected a rotation" in capsys.readouterr().err


def test_an_output_bag_carries_the_colour_cameras_lens(tmp_path):
    from rosbags.highlevel import AnyReader

    colour = with_lens(COLOUR, LENSES["plumb_bob"][1])
    bag = write_bag(tmp_path / "bag", colour_camera=colour)
    assert main(["upsample", str(bag), "-o", str(tmp_path / "out"), "--format", "mcap"]) == 0
    with AnyReader([tmp_path / "out"]) as reader:
        (connection,) = [c for c in reader.connections if c.topic == "/depth/camera_info"]
        info = reader.deserialize(next(reader.messages([connection]))[2], connection.msgtype)
    assert tuple(info.d) == colour.lens.coefficients and (info.width, info.height) == (149, 101)


def _zero(bag, topic, frame, camera):
    bag.write_camera_info(topic, START, frame, replace(camera.intrinsics, fx=0.0, fy=0.0))


def _strange(bag, topic, frame, camera):
    class Fov:
        model, coefficients = "fov", (0.9,)

    bag.write_camera_info(topic, START, frame, camera.intrinsics, Fov())


ROOTS = [("map", "colour", np.eye(4)), ("robot", "tof", np.eye(4))]
BAD_BAGS = {
    "no info of depth": ({"depth_camera": None}, "expected a camera_info of both, found none for depth"),
    "no info of colour": ({"colour_camera": None}, "expected a camera_info of both, found none for colour"),
    "K of zero": ({"spoil": {"/depth_raw": _zero}}, "expected a calibrated camera with a size and positive focal"),
    "K of zero, one frame": (
        {"spoil": {"/rgb": _zero}, "frames": ("one", "one"), "edges": []}, "expected a calibrated camera with a size",
    ),
    "unknown lens": ({"spoil": {"/rgb": _strange}}, "distortion model: expected one of .*found 'fov'"),
    "no transforms": ({"edges": []}, "expected transforms between them on /tf_static, found no transforms"),
    "two roots": ({"edges": ROOTS}, "/tf_static, found colour, map, robot, tof"),
    "one frame": ({"frames": ("one", "one"), "edges": []}, "views differ by .* although their frames are the same"),
    "all behind": ({"pose": motion(z=-30)}, "expected what the depth camera sees in front of the colour camera"),
    "another view": ({"pose": motion(turn=(0, 1.5, 0))}, "expected .*(view to meet|in front of)"),
    "another size": ({"depth_camera": DEPTH.resized(122, 94)}, "camera_info of the image's size, 61x47, found one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_BAGS)
def test_a_bag_that_does_not_tell_is_refused_without_output(case, tmp_path, capsys):
    changes, words = BAD_BAGS[case]
    bag = write_bag(tmp_path / "bag", **changes)
    assert main(["upsample", str(bag), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("depth-sr upsample:")]
    assert re.search(words, said), said
    if case not in ("all behind", "another view"):
        assert "record /tf_static" in said and "depth_to_colour" in said and "calibration.json" in said
        assert "--assume-registered" in said
        assert main(["upsample", str(bag), "-o", str(tmp_path / "out"), "--assume-registered"]) == 0


def _far(known):
    known["depth_to_colour"]["t_m"] = [0, 0, -50]


def _fov(known):
    known["depth_camera"] |= {"distortion_model": "fov", "distortion": [0.9]}


def _flat(known):
    known["colour_camera"]["fx"] = 0


def _large(known):
    known["depth_camera"] |= {"width": 122, "height": 94}


def _large_colour(known):
    known["colour_camera"] |= {"width": 298, "height": 202}


def _half(known):
    del known["depth_to_colour"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_far, "in front of the colour camera"),
        (_fov, "calibration.json: .*distortion model"),
        (_flat, "calibration.json: .*positive focal lengths"),
        (_large, r"is for \(height, width\) \(94, 122\), the depth image has \(47, 61\)"),
        (_large_colour, r"intrinsics are for \(height, width\) \(202, 298\)"),
        (_half, "calibration.json: expected .*found no 'depth_to_colour'"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_without_output(folder, tmp_path, change, words, capsys):
    write_folder(folder, DEPTH, COLOUR, POSE)
    known = json.loads((folder / "calibration.json").read_text())
    change(known)
    (folder / "calibration.json").write_text(json.dumps(known))
    assert main(["upsample", str(folder), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert re.search(words, said) and not (tmp_path / "out").exists()


def test_depth_of_another_aspect_ratio_says_the_three_ways(folder, tmp_path, capsys):
    write_folder(folder, DEPTH, COLOUR, POSE)
    (folder / "calibration.json").unlink()
    assert main(["upsample", str(folder), "-o", str(tmp_path / "out")]) == 2
    assert "different aspect ratios; say how the depth camera stands" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scale", [0, 8])
def test_registered_recordings_are_served_as_by_the_python_api(tmp_path, scale):
    camera = COLOUR.resized(160, 96)
    rgb, depth = seen(camera)[1], seen(camera.resized(20, 12))[0]
    for name in ("rgb", "depth"):
        (tmp_path / "room" / name).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "room" / "rgb" / "0.png"), rgb[..., ::-1])
    cv2.imwrite(str(tmp_path / "room" / "depth" / "0.png"), np.round(depth * 1000).astype(np.uint16))
    settings = "--scale", scale, "--engine", "onnxruntime", "--precision", "fp32", "--threads", "1"
    status, (plain,) = upsampled(tmp_path / "room", "-o", tmp_path / "plain", *settings)
    from depth_sr_ros.upsampler import Upsampler

    metres = (np.round(depth * 1000) / 1000).astype(np.float32)
    expected = Upsampler(scale=scale, engine="onnxruntime", precision="fp32", threads=1)(rgb, metres).depth
    assert status == 0 and np.abs(plain - expected).max() <= 0.0006
    (tmp_path / "room" / "camera.json").write_text(json.dumps(described(camera)))
    np.testing.assert_array_equal(upsampled(tmp_path / "room", "-o", tmp_path / "known", *settings)[1][0], plain)


@pytest.fixture
def kinect():
    where = os.environ.get("DEPTH_SR_TEST_DATA")
    if not where:
        pytest.skip("DEPTH_SR_TEST_DATA is not set: the folder that holds the recording kinect_redkitchen")
    return next(p for p in (Path(where), Path(where) / "recordings") if (p / "kinect_redkitchen").is_dir()) / (
        "kinect_redkitchen"
    )


def test_a_real_recording_gives_what_extraction_gives(kinect, folder, tmp_path):
    from training.extraction.bag_pairs import Bag
    from training.extraction.make_bag import BagRequest, make_bag

    for source, name in (("rgb", "rgb"), ("depth_raw_depthcam", "depth")):
        (folder / name).mkdir(parents=True)
        for file in sorted((kinect / source).iterdir())[:2]:
            shutil.copy(file, folder / name)
    shutil.copy(kinect / "calibration.json", folder)
    status, depths = upsampled(folder, "-o", tmp_path / "out")
    make_bag(folder, tmp_path / "bag", BagRequest())
    pairs = list(Bag(tmp_path / "bag").pairs())
    assert status == 0 and len(depths) == len(pairs) == 2
    for depth, pair in zip(depths, pairs, strict=True):
        known = np.isfinite(pair.depth)
        assert known.mean() > 0.7 and ((depth > 0) == known).mean() > 0.9999
        # what is measured, and not beside an edge, differs by its noise; the rest lies between its two surfaces
        apart = np.abs(depth - pair.depth)[known]
        within = apart <= NOISE_M + NOISE_SHARE * pair.depth[known] + 0.001
        assert within.mean() > 0.95 and np.median(apart) < 0.005


def test_a_real_recording_moves_measured_pixels_by_their_noise(kinect, folder, tmp_path):
    from depth_sr_ros.cameras.calibration import read_calibration
    from depth_sr_ros.cameras.depth import to_metres

    for source, name in (("rgb", "rgb"), ("depth_raw_depthcam", "depth")):
        (folder / name).mkdir(parents=True)
        shutil.copy(sorted((kinect / source).iterdir())[60], folder / name)
    shutil.copy(kinect / "calibration.json", folder)
    (depth,) = upsampled(folder, "-o", tmp_path / "out", "--fill-holes")[1]
    assert (depth > 0).all()
    known = read_calibration(kinect / "calibration.json")
    raw = to_metres(read_depth(next((folder / "depth").iterdir())), "16UC1")
    options = RegistrationOptions(assign_mixed=True)  # as frames are served
    registered = Registration(known.depth, known.colour, known.depth_to_colour, options)(raw)
    plain = (registered.quality == MEASURED) & (registered.near == registered.far)
    moved = np.abs(depth - registered.start)[plain]
    assert plain.mean() > 0.5 and moved.mean() < 0.01
    assert (moved > 0.03 * registered.start[plain]).mean() < 0.005

"""Fusion of a moving camera's frames, on exact planes."""

import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from two_cameras import motion, plane

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from training.__main__ import main
from training.fusion.fuse import FusionOptions, fuse, neighbours_of, without_jumps
from training.fusion.poses import read_poses
from training.fusion.recording import PosedRecording

CAMERA = Camera(Intrinsics(96, 72, 90.0, 92.0, 46.3, 37.1))
BESIDE = Camera(Intrinsics(120, 80, 100.0, 101.0, 61.0, 39.0))
WALL, BOX = (np.array([0.15, -0.1, 1.0]), 2.4), (np.array([-0.05, 0.1, 1.0]), 1.5)
FRAMES = 21


def _pose(number):
    """A camera that walks to the right, turns and nods."""
    t = (number - 10) / 10
    return motion(0.1 * t, 0.03 * t, -0.05 * t, (0.02 * t, 0.04 * t, -0.03 * t))


def _seen(camera, pose):
    """Depth of a wall with a smaller plane before it, by exact intersection."""
    depth = np.full(camera.size, np.inf)
    for (normal, distance), half in ((WALL, np.inf), (BOX, 0.25)):
        turned = pose[:3, :3].T @ normal
        z = plane(camera, turned, distance - normal @ pose[:3, 3])
        points = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1) * z[..., None]
        points = points @ pose[:3, :3].T + pose[:3, 3]
        hit = (np.abs(points[..., :2]) < half).all(axis=-1)
        depth = np.where(hit & (z > 0), np.minimum(depth, z), depth)
    return depth


def _frames(noise=0.003, holes=0.1):
    rng = np.random.default_rng(5)
    for number in range(FRAMES):
        depth = _seen(CAMERA, _pose(number))
        depth += noise * rng.standard_normal(depth.shape)
        depth[rng.random(depth.shape) < holes] = np.nan
        yield depth.astype(np.float32)


@pytest.mark.parametrize("view", [CAMERA, BESIDE])
def test_the_view_is_within_a_millimetre_of_the_planes(view):
    stand = motion(0.02, -0.01, 0, (0, 0.01, 0)) if view is BESIDE else np.eye(4)
    others = neighbours_of(10, FRAMES, 20)
    frames = list(_frames())
    to_view = [stand @ np.linalg.inv(_pose(10)) @ _pose(other) for other in others]
    fused = fuse([frames[other] for other in others], to_view, CAMERA, view)
    truth = _seen(view, _pose(10) @ np.linalg.inv(stand))
    error = np.abs(fused.depth - truth)[np.isfinite(fused.depth)]
    assert np.median(error) < 0.001 and np.percentile(error, 99) < 0.006
    assert np.isfinite(fused.depth).mean() > 0.75
    assert fused.frames[np.isfinite(fused.depth)].min() >= 6
    if view is CAMERA:
        alone = np.abs(frames[10] - truth)
        assert np.nanmedian(alone) > 1.8 * np.median(error)


def test_too_few_frames_say_nothing():
    frames = [np.full(CAMERA.size, 1 if number < 6 else 2, np.float32) for number in range(11)]
    fused = fuse(frames, [np.eye(4)] * 11, CAMERA, CAMERA)
    assert (fused.depth == 1).all() and (fused.frames == 6).all()
    fused = fuse(frames[1:], [np.eye(4)] * 10, CAMERA, CAMERA)
    assert np.isnan(fused.depth).all() and (fused.frames == 5).all()


def test_the_median_is_a_value_that_was_measured():
    frames = [np.full(CAMERA.size, z, np.float32) for z in (1.0, 1.0, 1.01, 1.02)]
    fused = fuse(frames, [np.eye(4)] * 4, CAMERA, CAMERA, FusionOptions(neighbours=4, least=3))
    assert (fused.depth == 1).all() and (fused.frames == 4).all()


def test_pixels_beside_jumps_are_left_out_but_not_those_beside_holes():
    depth = np.ones((9, 20), np.float32)
    depth[:, 10:] = 2
    depth[2, 3] = np.nan
    assert np.flatnonzero(np.isnan(without_jumps(depth, FusionOptions())[6])).tolist() == [8, 9, 10, 11]
    assert np.flatnonzero(np.isnan(without_jumps(depth, FusionOptions(margin=1))[2])).tolist() == [3, 9, 10]
    assert without_jumps(depth, FusionOptions(margin=0)) is depth


def test_neighbours_are_the_nearest_frames():
    assert neighbours_of(5, 30, 4) == [3, 4, 6, 7]
    assert neighbours_of(0, 30, 4) == [1, 2, 3, 4] and neighbours_of(29, 30, 4) == [25, 26, 27, 28]
    assert neighbours_of(1, 3, 20) == [0, 2]


def test_frames_that_look_elsewhere_are_passed_over():
    frames = [np.ones(CAMERA.size, np.float32)] * 7
    away = motion(turn=(0, np.pi, 0))
    fused = fuse(frames, [np.eye(4)] * 6 + [away], CAMERA, CAMERA)
    assert (fused.frames == 6).all()
    with pytest.raises(ValueError, match="found none of 2; check the poses"):
        fuse(frames[:2], [away, away], CAMERA, CAMERA)
    with pytest.raises(ValueError, match="expected neighbours >= least >= 1"):
        FusionOptions(least=21)


@pytest.fixture
def recording(tmp_path):
    numbers = asdict(CAMERA.intrinsics)
    cameras = {"colour_camera": numbers, "depth_camera": numbers}
    extrinsics = {"R": np.eye(3).tolist(), "t_m": [0.02, 0, 0]}
    (tmp_path / "calibration.json").write_text(json.dumps({**cameras, "depth_to_colour": extrinsics}))
    for name in ("depth", "pose"):
        (tmp_path / name).mkdir()
    for number, depth in enumerate(_frames(holes=0)):
        cv2.imwrite(str(tmp_path / "depth" / f"{number:03}.png"), np.rint(depth * 1000).astype(np.uint16))
        np.savetxt(tmp_path / "pose" / f"{number:03}.txt", _pose(number))
    return tmp_path


def test_the_command_writes_millimetres(recording, capsys):
    out = recording / "fused"
    assert main(["fuse", str(recording), "--poses", "pose", "--out", str(out), "--every", "10"]) == 0
    assert sorted(file.stem for file in out.iterdir()) == ["000", "010", "020"]
    millimetres = cv2.imread(str(out / "010.png"), cv2.IMREAD_UNCHANGED)
    known = millimetres > 0
    error = np.abs(millimetres - 1000 * _seen(CAMERA, _pose(10)))[known]
    assert millimetres.dtype == np.uint16 and known.mean() > 0.8 and np.median(error) < 1
    assert f"010: {known.mean():.0%} known" in capsys.readouterr().out


def test_a_frame_is_fused_for_the_colour_camera_too(recording):
    opened = PosedRecording.open(recording, recording / "pose")
    fused = opened.fused("010", "colour").depth
    truth = _seen(CAMERA, _pose(10) @ motion(-0.02))
    assert np.nanmedian(np.abs(fused - truth)) < 0.001


def test_what_is_missing_or_wrong_is_told(recording):
    with pytest.raises(FileNotFoundError, match="expected depth images .* named as the poses"):
        PosedRecording.open(recording, recording / "pose", "depth_raw")
    with pytest.raises(FileNotFoundError, match="expected poses"):
        read_poses(recording / "depth")
    (recording / "pose" / "000.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n")
    with pytest.raises(ValueError, match=r"000.txt: expected 4x4 numbers, found \(3, 4\)"):
        read_poses(recording / "pose")
    np.savetxt(recording / "pose" / "000.txt", 2 * np.eye(4))
    with pytest.raises(ValueError, match="expected a rotation"):
        read_poses(recording / "pose")


def test_lost_frames_have_no_pose_and_rounding_is_taken_out(recording):
    np.savetxt(recording / "pose" / "003.txt", np.full((4, 4), np.nan))
    rounded = _pose(4)
    rounded[:3, :3] = np.round(rounded[:3, :3], 2)
    np.savetxt(recording / "pose" / "004.txt", rounded)
    poses = read_poses(recording / "pose")
    assert "003" not in poses and len(poses) == FRAMES - 1
    np.testing.assert_allclose(poses["004"][:3, :3] @ poses["004"][:3, :3].T, np.eye(3), atol=1e-12)

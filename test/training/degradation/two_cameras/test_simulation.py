"""What a depth camera measures of a scene: geometry against exact planes, faults against their own numbers."""

import dataclasses
import math

import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, LENSES, motion, moved_plane, plane, with_lens

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from training.degradation.two_cameras.dropouts import at_edges
from training.degradation.two_cameras.mesh import mesh_of
from training.degradation.two_cameras.mixing import Mixing, cells, mixed, samples_for
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.rendering import render
from training.degradation.two_cameras.simulation import DepthSensor, Faults, samples, simulate
from training.degradation.two_cameras.uncovered import continue_behind, epipolar_motion

EXACT = Faults(mixing=Mixing.ONE, steps=Steps(unit=0))


def _rng():
    return np.random.default_rng(3)


def _pinhole(width, height, focal):
    return Camera(Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2))


def _step(camera, near=1.0, far=2.0):
    """A far wall whose left half is hidden by a near one."""
    depth = np.full(camera.size, far, np.float32)
    depth[:, : camera.size[1] // 2] = near
    return depth


@pytest.mark.parametrize("lens", LENSES)
def test_a_plane_is_seen_where_it_is(lens):
    depth_camera, colour = with_lens(DEPTH, LENSES[lens][0]), with_lens(COLOUR, LENSES[lens][1])
    to_colour = motion(0.05, -0.02, 0.01, (0.02, -0.06, 0.04))
    normal = np.array([0.3, -0.2, 1.0])
    truth = plane(depth_camera, normal, 1.7)
    scene = plane(colour, *moved_plane(normal, 1.7, to_colour)).astype(np.float32)
    seen = simulate(scene, colour, DepthSensor(depth_camera, to_colour, EXACT), _rng())
    assert np.isfinite(seen).mean() > 0.7
    np.testing.assert_allclose(seen, np.where(np.isfinite(seen), truth, np.nan), rtol=3e-5)


def test_the_scenes_own_camera_sees_the_scene():
    camera = _pinhole(40, 30, 35.0)
    scene = _step(camera)
    scene[10:14, 25:31] = 0.7
    seen = simulate(scene, camera, DepthSensor(camera, np.eye(4), EXACT), _rng())
    np.testing.assert_array_equal(seen, scene)


def test_surfaces_end_half_way_between_pixels():
    scene_camera = _pinhole(20, 10, 20.0)
    fine = scene_camera.resized(200, 100)
    seen = render(mesh_of(_step(scene_camera), scene_camera), fine, np.eye(4))
    row = seen[50]
    assert np.nanmax(np.abs(row[5:100] - 1)) == 0 and np.nanmax(np.abs(row[100:195] - 2)) == 0


def test_the_near_surface_hides_and_the_far_one_goes_on_behind_it():
    camera = _pinhole(80, 20, 80.0)
    scene = _step(camera)
    beside = motion(0.1)  # the depth camera is 0.1 m to the left: near moves 8 px to the right, far 4
    hides = simulate(scene, camera, DepthSensor(camera, beside, EXACT), _rng())[10]
    expected = np.where(np.arange(80) < 32, 1, 2)
    np.testing.assert_array_equal(hides[:72], expected[:72])
    opens = simulate(scene, camera, DepthSensor(camera, motion(-0.1), EXACT), _rng())[10]
    np.testing.assert_array_equal(opens[8:], np.where(np.arange(80) < 48, 1, 2)[8:])


def test_beyond_the_scenes_image_nothing_is_known():
    camera = _pinhole(80, 20, 80.0)
    seen = simulate(_step(camera), camera, DepthSensor(camera, motion(0.1), EXACT), _rng())
    assert np.isnan(seen[:, 77:]).all() and np.isfinite(seen[:, :75]).all()
    blind = continue_behind(np.full(camera.size, np.nan, np.float32), camera, motion(0.1))
    assert np.isnan(blind).all()


def test_a_hole_that_no_parallax_explains_stays_a_hole():
    camera = _pinhole(80, 20, 80.0)
    seen = _step(camera)
    seen[:, 40:44] = np.nan  # 0.1 m times 80 px times (1 / 1 m - 1 / 2 m) is 4 px
    filled = continue_behind(seen, camera, motion(0.1))
    assert (filled[:, 40:44] == 2).all()
    seen[:, 40:46] = np.nan
    assert np.isnan(continue_behind(seen, camera, motion(0.1))[:, 40:46]).all()


def test_epipolar_lines_meet_where_the_other_camera_is():
    camera = _pinhole(41, 31, 30.0)
    along_x = epipolar_motion(camera, motion(0.05))
    np.testing.assert_allclose(along_x, np.broadcast_to([30 * 0.05, 0], along_x.shape), atol=1e-6)
    ahead = epipolar_motion(camera, motion(0, 0, 0.05))
    assert not ahead[15, 20].any()  # the epipole
    np.testing.assert_allclose(ahead[0, 0], [20 * 0.05, 15 * 0.05], rtol=1e-4)


def test_a_pixel_across_an_edge_gives_the_mean_of_its_square():
    colour = _pinhole(30, 30, 30.0)
    sensor = DepthSensor(colour.resized(10, 10), np.eye(4), Faults(steps=Steps(unit=0)))
    scene = np.full(colour.size, 2, np.float32)
    scene[:, :16] = 1  # a third of the sixth column
    seen = simulate(scene, colour, sensor, _rng())
    np.testing.assert_allclose(seen[4], [1] * 5 + [5 / 3] + [2] * 4, rtol=1e-6)
    one = dataclasses.replace(sensor, faults=EXACT)
    np.testing.assert_array_equal(simulate(scene, colour, one, _rng())[4], [1] * 5 + [2] * 5)


def test_samples_are_odd_and_not_coarser_than_the_scene():
    assert [samples_for(Mixing.MEAN, ratio) for ratio in (0.5, 1, 3, 3.1, 4, 8)] == [3, 3, 3, 5, 5, 9]
    assert samples_for(Mixing.ONE, 8) == 1


def test_a_pixel_that_hardly_sees_anything_measures_nothing():
    seen = np.array([[[1, np.nan, np.nan, np.nan], [1, 3, np.nan, 2], [np.nan] * 4]], np.float32)
    np.testing.assert_array_equal(mixed(seen), [[np.nan, 2, np.nan]])
    np.testing.assert_array_equal(cells(np.arange(16, dtype=np.float32).reshape(4, 4), 2)[1, 0], [8, 9, 12, 13])


def test_noise_has_its_spread():
    noise = AxialNoise(0.001, 0.002, 0.0005)
    depth = np.full((300, 300), 2, np.float32)
    off = noise.added(depth, _rng()) - depth
    assert abs(float(off.mean())) < 1e-4
    assert float(off.std()) == pytest.approx(0.001 + 0.004 + 0.002, rel=0.02)


def test_values_come_in_steps():
    depth = np.array([[1.0004, 1.0006, 3.0]], np.float32)
    np.testing.assert_allclose(Steps(unit=0.001).rounded(depth), [[1.0, 1.001, 3.0]], rtol=1e-7)
    z = np.linspace(1, 4, 2000, dtype=np.float32)[None]
    levels = np.unique(Steps(inverse=2.85e-3, unit=0).rounded(z))
    np.testing.assert_allclose(np.diff(levels), 2.85e-3 * levels[1:] * levels[:-1], rtol=1e-3)


def test_pixels_are_at_an_edge_by_their_own_samples_or_their_neighbours():
    seen = np.ones((5, 6, 2), np.float32)
    seen[2, 3, 1] = 1.06
    assert np.argwhere(at_edges(seen)).tolist() == [[2, 3]]
    around = at_edges(seen, reach=1)
    assert around[1:4, 2:5].all() and around.sum() == 9
    seen[2, 3] = np.nan
    assert not at_edges(seen, reach=1).any() and not at_edges(np.full((2, 2, 1), np.nan, np.float32)).any()


def test_drop_outs_lie_at_edges_alone():
    camera = _pinhole(200, 200, 200.0)
    sensor = DepthSensor(camera, np.eye(4), Faults(mixing=Mixing.ONE, dropouts=0.3, dropout_reach=1))
    scene = _step(camera)
    edge = at_edges(samples(scene, camera, sensor), reach=1)
    assert edge[:, 99:101].all() and edge.sum() == 2 * 200
    gone = np.isnan(simulate(scene, camera, sensor, _rng()))
    assert not gone[~edge].any() and 0.22 < gone[edge].mean() < 0.38


def test_what_is_out_of_range_is_not_measured():
    camera = _pinhole(40, 30, 40.0)
    faults = dataclasses.replace(EXACT, depth_min=1.5)
    seen = simulate(_step(camera), camera, DepthSensor(camera, np.eye(4), faults), _rng())
    assert np.isnan(seen[:, :20]).all() and (seen[:, 20:] == 2).all()
    faults = dataclasses.replace(EXACT, depth_max=1.5)
    seen = simulate(_step(camera), camera, DepthSensor(camera, np.eye(4), faults), _rng())
    assert (seen[:, :20] == 1).all() and np.isnan(seen[:, 20:]).all()


def test_unknown_parts_of_the_scene_stay_unknown():
    camera = _pinhole(40, 30, 40.0)
    scene = np.full(camera.size, 2, np.float32)
    scene[10:20, 10:20] = np.nan
    seen = simulate(scene, camera, DepthSensor(camera, np.eye(4), EXACT), _rng())
    np.testing.assert_array_equal(np.isnan(seen), np.isnan(scene))


def test_equal_generators_give_equal_images():
    camera = _pinhole(40, 30, 40.0)
    faults = Faults(noise=AxialNoise(0.002, 0.003), dropouts=0.5)
    sensor = DepthSensor(camera.resized(20, 15), motion(0.05), faults)
    first, again = (simulate(_step(camera), camera, sensor, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = simulate(_step(camera), camera, sensor, np.random.default_rng(10))
    assert not np.array_equal(first, other, equal_nan=True)


def test_refuses_another_size_and_motions_that_are_none():
    camera = _pinhole(40, 30, 40.0)
    with pytest.raises(ValueError, match=r"expected depth of \(30, 40\).*found \(30, 41\)"):
        simulate(np.ones((30, 41), np.float32), camera, DepthSensor(camera, np.eye(4)), _rng())
    with pytest.raises(ValueError, match="expected a rotation"):
        simulate(np.ones((30, 40), np.float32), camera, DepthSensor(camera, 2 * np.eye(4)), _rng())
    assert math.isinf(Faults().depth_max)

"""Ways of making low-resolution depth."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.cameras.grids import reduce_to_grid
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.kernel.fdkn import FDKN
from training.degradation import DEGRADATIONS, Observation, Scene, by_frame, degradation, masked_box_down
from training.degradation.reduction import REDUCTIONS
from training.degradation.sensor import KINECT, TIME_OF_FLIGHT

RANDOM = sorted(set(DEGRADATIONS) - set(REDUCTIONS) - {"dada", "valid-median"})


def _rng(seed=0):
    return np.random.default_rng(seed)


def _step(size=128, low=0.2, high=0.8):
    """A far plane with a near square before it."""
    depth = torch.full((1, 1, size, size), high)
    depth[..., size // 4 : size // 2 + 5, size // 4 + 3 : size // 2] = low
    return depth


def _camera(model, **settings):
    return dataclasses.replace(model, **settings)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_reduces_whole_cells_only(name):
    with pytest.raises(ValueError, match="multiples of 8, found 16x20"):
        degradation(name)(torch.zeros(1, 1, 16, 20), 8, _rng())
    assert degradation(name)(torch.rand(2, 1, 32, 64), 8, _rng()).shape == (2, 1, 4, 8)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_plain_reductions_keep_a_plane_and_need_no_generator(name):
    torch.testing.assert_close(DEGRADATIONS[name](torch.full((2, 1, 16, 24), 0.3), 8), torch.full((2, 1, 2, 3), 0.3))


def test_bicubic_equals_pillow():
    image = pytest.importorskip("PIL.Image")
    depth = _rng().random((96, 64), dtype=np.float32)
    for scale in (4, 8, 16):
        expected = np.asarray(image.fromarray(depth).resize((64 // scale, 96 // scale), image.Resampling.BICUBIC))
        found = degradation("bicubic")(torch.from_numpy(depth)[None, None], scale)[0, 0].numpy()
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nearest_is_the_bottom_right_pixel():
    depth = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert DEGRADATIONS["nearest"](depth, 2).flatten().tolist() == [5, 7, 13, 15]


def test_median_is_the_one_that_the_upsampler_takes():
    depth = torch.rand(1, 1, 24, 32, generator=torch.Generator().manual_seed(0))
    expected = reduce_to_grid(depth[0, 0].numpy(), (3, 4))
    assert torch.equal(DEGRADATIONS["median"](depth, 8)[0, 0], torch.from_numpy(expected))


def test_box_is_the_mean_of_a_cell():
    depth = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert DEGRADATIONS["box"](depth, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_masked_box_is_the_mean_of_what_is_valid():
    depth = torch.arange(16.0).reshape(1, 1, 4, 4)
    depth[0, 0, 0, 0] = torch.nan
    valid = torch.isfinite(depth)
    valid[0, 0, 2:, 2:] = False
    means, cells = masked_box_down(depth, valid, 2)
    assert means.flatten().tolist() == pytest.approx([10 / 3, 4.5, 10.5, 0])
    assert cells.flatten().tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_fixes_the_noise_and_none_is_an_error(name):
    depth = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    first, again, other = (degradation(name)(depth, 4, _rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match="found None"):
        degradation(name)(depth, 4)


def test_gaussian_noise_has_the_papers_variances():
    flat = torch.full((1, 1, 200, 200), 0.5)
    assert degradation("dkn-noise")(flat, 1, _rng()).var() == pytest.approx(0.005, rel=0.03)
    assert degradation("dagf-noise")(flat, 1, _rng()).std() == pytest.approx(5 / 255, rel=0.03)
    assert degradation("dagf-noise")(torch.ones_like(flat), 1, _rng()).max() == 1


def test_noise_grows_with_depth_and_falls_with_disparity():
    ramp = torch.linspace(0, 1, 10).repeat_interleave(2000).reshape(10, 2000)[None, None]
    metres, levels = Scene(span=(1.0, 10.0)), Scene(span=(50.0, 250.0))
    for name, scene, expected in (
        ("bicubic+proportional:0.04", metres, 0.04 * torch.linspace(1, 10, 10)),
        ("bicubic+inverse:651", levels, 651 / torch.linspace(50, 250, 10)),
    ):
        noise = (degradation(name)(ramp, 1, _rng(), scene) - ramp) * (scene.span[1] - scene.span[0])
        torch.testing.assert_close(noise[0, 0].std(dim=1), expected, rtol=0.1, atol=0)
    with pytest.raises(ValueError, match="expected the values"):
        degradation("bicubic+inverse:651")(ramp, 1, _rng())


def test_steps_follow_each_other():
    found = degradation("box+gaussian:0.1+quantise:10+holes:0.25").observe(torch.full((1, 1, 64, 64), 0.5), 2, _rng())
    torch.testing.assert_close((found.depth * 10).round(), found.depth * 10)
    assert found.depth.unique().numel() > 3
    assert float(found.valid.mean()) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bicubc", "did you mean 'bicubic'"),
        ("bicubic+noise:1", "unknown step 'noise'"),
        ("bicubic+gaussian", "expected a number behind 'gaussian':"),
        ("kinect+gaussian:1", "found 'kinect"),
    ],
)
def test_unknown_names_are_explained(name, words):
    with pytest.raises(ValueError, match=words):
        degradation(name)


def test_holes_are_filled_as_the_frame_graph_fills_them():
    """The network must see in training what it sees behind the frame graph."""

    class Seen(FDKN):
        def refine(self, guide, depth_lr, start):
            self.seen = depth_lr
            return start

    network, rng = Seen(scale=8).eval(), _rng()
    metres = torch.from_numpy(rng.uniform(1, 3, (12, 16)).astype(np.float32))
    metres[0, 0], metres[-1, -1] = 1.0, 3.0
    valid = torch.from_numpy(rng.random((12, 16)) > 0.3)
    valid[0, 0] = valid[-1, -1] = True
    FrameGraph(network)(torch.zeros(96, 128, 3, dtype=torch.uint8), metres * valid)
    observation = Observation(((metres - 1) / 2)[None, None], valid[None, None].float())
    torch.testing.assert_close(observation.filled(), network.seen, atol=1e-5, rtol=0)


def test_a_camera_leaves_holes_behind_edges_and_not_in_the_plane():
    depth, behind, elsewhere = _step(), 0.0, 0.0
    near = -F.max_pool2d(-degradation("nearest")(depth, 8), 3, stride=1, padding=1)
    far_side = (degradation("nearest")(depth, 8) - near > 0.1).float()
    model = _camera(KINECT, blob=(0.0, 0.0), lateral=(0.0, 0.0), reach=(99.0, 99.0))
    for seed in range(20):
        lost = 1 - model.observe(depth, 8, _rng(seed)).valid
        behind += float((lost * far_side).sum() / far_side.sum()) / 20
        elsewhere += float((lost * (1 - far_side)).sum() / (1 - far_side).sum()) / 20
    assert 0.1 < behind < 0.5
    assert elsewhere < 0.05


def test_dark_places_and_far_places_return_nothing():
    flat = torch.full((1, 1, 128, 128), 0.5)
    guide = torch.ones(1, 3, 128, 128)
    guide[..., :64] = 0
    seen = TIME_OF_FLIGHT.observe(flat, 8, _rng(3), Scene(span=(2.0, 4.0), metric=True, guide=guide)).valid
    assert seen[..., :8].mean() < seen[..., 8:].mean() - 0.1
    ramp = torch.linspace(0, 1, 128).expand(1, 1, 128, 128).contiguous()
    short_sighted = _camera(KINECT, reach=(7.0, 7.0))
    far = short_sighted.observe(ramp, 8, _rng(), Scene(span=(2.0, 10.0), metric=True)).valid
    assert far[..., :8].mean() > 0.8 and far[..., -2:].mean() < 0.1


def test_cameras_noise_and_holes_stand_for_a_sensor_and_the_papers_noise_does_not():
    assert all(map(by_frame, ("live", "kinect", "tof", "box+gaussian:0.02", "bicubic+holes:0.05")))
    assert not any(map(by_frame, (*REDUCTIONS, "dada", "dkn-noise", "dagf-noise", "bicubic+proportional:0.04")))


def test_as_frame_normalises_by_what_is_valid():
    depth, valid = torch.tensor([[[[-0.5, 0.2], [0.7, 9.0]]]]), torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    seen, low, span = Observation(depth, valid).as_frame()
    assert (float(low), float(span)) == pytest.approx((-0.5, 1.2))
    assert seen.depth[valid > 0].tolist() == pytest.approx([0, 0.7 / 1.2, 1])
    flat, _, floor = Observation.complete(torch.full((1, 1, 2, 2), 0.3)).as_frame()
    assert flat.depth.eq(0).all() and float(floor) == pytest.approx(1e-3)


def test_structured_light_is_quantised_in_disparity():
    ramp = torch.linspace(0, 1, 256).expand(1, 1, 64, 256).contiguous()
    quiet = _camera(KINECT, strength=(0.0, 0.0), lateral=(0.0, 0.0), flying=(0.0, 0.0))
    seen = quiet.observe(ramp, 1, _rng(), Scene(span=(1.0, 3.5), metric=True)).depth[0, 0, 32] * 2.5 + 1
    disparity = 43.5 / seen
    torch.testing.assert_close((disparity * 8).round() / 8, disparity, atol=1e-3, rtol=0)
    # a step is depth squared over 348 m: 3.5 cm at the far end
    assert seen.unique().diff()[-1] == pytest.approx(3.5**2 / 348, rel=0.05)


def test_a_camera_sees_disparity_as_depth():
    """What is a hole in the shadow of a near object must be so whichever way values grow."""
    depth = _step()
    plain = KINECT.observe(depth, 8, _rng(5))
    mirrored = KINECT.observe(1 - depth, 8, _rng(5), Scene(near_is_one=True))
    torch.testing.assert_close(mirrored.depth, 1 - plain.depth)
    assert torch.equal(mirrored.valid, plain.valid)


def test_live_mixes_clean_and_noisy_and_stays_near_the_truth():
    depth = _step()
    errors = [
        (degradation("live")(depth, 8, _rng(seed)) - degradation("box")(depth, 8)).abs().mean() for seed in range(30)
    ]
    assert min(errors) < 1e-3 < 0.01 < max(errors)
    assert max(errors) < 0.15

"""The reduction of training is the node's own, and its noise is what was asked for."""

import numpy as np
import pytest
import torch

from depth_sr_ros.cameras.grids import reduce_to_grid
from training.degradation import Scene, by_frame, degradation, masked_median_down
from training.degradation.measured import MeasuredSensor


@pytest.mark.parametrize("scale", [4, 8])
def test_cells_are_those_of_the_node(scale):
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 4, (48, 64)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.6] = np.nan
    depth[:8, :8] = np.nan
    depth[0, 0] = 1.0
    expected = reduce_to_grid(depth, (48 // scale, 64 // scale))
    target = torch.from_numpy(np.nan_to_num(depth))[None, None]
    found, valid = masked_median_down(target, target > 0, scale)
    np.testing.assert_array_equal(valid[0, 0].numpy() > 0, np.isfinite(expected))
    np.testing.assert_array_equal(found[0, 0].numpy(), np.nan_to_num(expected))


def test_what_is_not_valid_has_no_say():
    depth, valid = torch.full((1, 1, 8, 8), 9.0), torch.zeros(1, 1, 8, 8)
    depth[..., :2], valid[..., :2] = 0.25, 1.0
    seen = degradation("valid-median").observe(depth, 8, scene=Scene(valid=valid))
    assert float(seen.depth) == 0.25 and float(seen.valid) == 1.0


def test_noise_has_the_strength_that_its_name_says():
    name = "valid-median:0.01:0.02:0:0"
    depth = torch.full((1, 1, 512, 512), 0.5)
    seen = degradation(name).observe(depth, 4, np.random.default_rng(0), Scene((1.0, 3.0), metric=True))
    assert float(seen.depth.std()) * 2 == pytest.approx(0.01 + 0.02 * 4, rel=0.03)
    assert bool(seen.valid.all()) and by_frame(name)


def test_disparity_gets_noise_that_grows_away_from_the_camera():
    ramp = torch.linspace(0, 1, 512).expand(1, 1, 512, 512)
    seen = degradation("valid-median:0:0.03:0:0").observe(
        ramp, 4, np.random.default_rng(0), Scene((10.0, 200.0), near_is_one=True)
    )
    error = (seen.depth - ramp[..., ::4, ::4])[0, 0]
    assert float(error[:, :30].std()) > 1.5 * float(error[:, -30:].std())


def test_lost_cells_are_where_they_were_measured_to_be():
    depth = torch.full((1, 1, 256, 256), 0.2)
    depth[..., 128:] = 0.8
    scene = Scene((1.0, 3.0), metric=True)
    at_edges = degradation("valid-median:0:0:0.5:0").observe(depth, 4, np.random.default_rng(0), scene).valid[0, 0]
    assert float(at_edges[:, 31:33].mean()) == pytest.approx(0.5, abs=0.15)
    assert bool(at_edges[:, :30].all()) and bool(at_edges[:, 34:].all())
    elsewhere = degradation("valid-median:0:0:0:0.1").observe(depth, 4, np.random.default_rng(0), scene).valid
    assert float(1 - elsewhere.mean()) == pytest.approx(0.1, abs=0.02)


def test_a_name_says_all_four_numbers():
    sensor = MeasuredSensor(0.0012, 0.0019, 0.2, 0.02)
    assert degradation(sensor.name) == sensor and MeasuredSensor().name == "valid-median"


@pytest.mark.parametrize("name", [f"valid-median:{rest}" for rest in ("a", "1:2:3:4", "0:0:0:0:0", "-1")])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="valid-median"):
        degradation(name)


def test_noise_needs_a_generator():
    with pytest.raises(ValueError, match="expected a numpy Generator"):
        degradation("valid-median:0.1:0:0:0")(torch.zeros(1, 1, 8, 8), 8)

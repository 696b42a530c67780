"""A live network in the filter's place."""

import numpy as np
import pytest
from live_networks import live_artifact

from depth_sr_ros.artifact import SHIPPED, ArtifactError, read_artifact
from depth_sr_ros.cameras.registration import Registration
from depth_sr_ros.engines import CurrentEngine, EngineWishes
from depth_sr_ros.live.network import LiveNetworkFilter
from depth_sr_ros.live.path import LivePath
from depth_sr_ros.upsampler import Upsampler, UpsamplerError

WISHES = EngineWishes("onnxruntime", threads=1)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Weights whose heads are zero: what comes out is the start image."""
    return live_artifact(tmp_path_factory.mktemp("untrained"), spoken=0.0)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    return live_artifact(tmp_path_factory.mktemp("spoken"))


def _frame(height, width):
    """Colour, and depth at half of its size: a wall, something before it, a hole."""
    rng = np.random.default_rng(2)
    depth = np.full((height // 2, width // 2), 2.5, np.float32)
    depth[height // 8 : height // 4, width // 8 : width // 4] = 1.2
    depth += 0.005 * rng.standard_normal(depth.shape).astype(np.float32)
    depth[2:5, 3:9] = np.nan
    return rng.integers(0, 255, (height, width, 3), dtype=np.uint8), depth


@pytest.mark.parametrize("size", [(96, 128), (90, 124)])
def test_untrained_network_gives_what_the_filter_does_at_any_size(untrained, size):
    rgb, depth = _frame(*size)
    result = LivePath(network=LiveNetworkFilter(untrained, CurrentEngine(WISHES)))(rgb, depth)
    assert result.depth.shape == result.expected_error.shape == size
    np.testing.assert_allclose(result.depth, LivePath()(rgb, depth).depth, rtol=1e-5)
    assert (result.expected_error > 0).all()


def test_padding_changes_nothing_beyond_the_border(spoken):
    rgb, depth = _frame(96, 128)
    registered = Registration.identity(depth.shape, (96, 128))(depth)
    cut = Registration.identity((depth.shape[0], depth.shape[1] - 2), (96, 124))(np.ascontiguousarray(depth[:, :-2]))
    network = LiveNetworkFilter(spoken, CurrentEngine(WISHES))
    whole, _ = network(rgb, registered)
    smaller, _ = network(np.ascontiguousarray(rgb[:, :-4]), cut)
    assert smaller.shape == (96, 124)
    assert np.median(np.abs(smaller[:, :60] / whole[:, :60] - 1)) < 0.02


def test_upsampler_serves_live_weights_of_ones_own(spoken):
    rgb, depth = _frame(90, 124)
    upsampler = Upsampler(weights=spoken.folder, engine="onnxruntime", threads=1)
    upsampler.prepare(rgb.shape[:2], depth.shape)
    result = upsampler(rgb, depth)
    info = upsampler.describe()
    assert (info.model, info.scale, info.engine) == ("fdkn_live", 0, "onnxruntime")
    assert info.weights_id == spoken.weights_id and "network fdkn_live" in upsampler.notes[0]
    assert result.expected_error.shape == result.quality.shape == (90, 124)
    assert np.array_equal(np.isnan(result.depth), ~result.valid)
    upsampler.close()


def test_without_live_weights_the_filter_serves_and_knows_no_error():
    rgb, depth = _frame(96, 128)
    assert LivePath()(rgb, depth).expected_error is None


def test_weights_of_the_papers_graph_are_refused():
    with pytest.raises(ArtifactError, match="expected weights of the live frame graph, found .* scale 8"):
        LiveNetworkFilter(read_artifact(SHIPPED / "fdkn_x8"), CurrentEngine(WISHES))


def test_live_weights_are_refused_at_a_scale(spoken):
    with pytest.raises(UpsamplerError, match="expected weights for scale 8, found 0"):
        Upsampler("fdkn", 8, weights=spoken.folder)
    with pytest.raises(UpsamplerError, match="expected weights of model 'jiif', found 'fdkn'"):
        Upsampler("jiif", weights=spoken.folder)


def test_live_weights_that_ship_serve_at_scale_0(spoken, tmp_path, monkeypatch):
    import shutil

    from depth_sr_ros import artifact as artifacts

    shipped = tmp_path / "artifacts"
    for name in ("fdkn_x8", "fdkn_x8_live"):
        shutil.copytree(SHIPPED / name, shipped / name)
    shutil.copytree(spoken.folder, shipped / "fdkn_live")
    for function in (artifacts.find_artifact, artifacts.shipped_scales, artifacts.list_artifacts):
        monkeypatch.setattr(function, "__defaults__", (shipped,))
    assert artifacts.shipped_scales("fdkn") == [0, 8]
    assert Upsampler(engine="onnxruntime").describe().model == "fdkn_live"
    assert Upsampler(scale=8, engine="onnxruntime").describe().model == "fdkn_x8_live"

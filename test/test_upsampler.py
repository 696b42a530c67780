"""The pure Python API."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from depth_sr_ros.artifact import SHIPPED, find_artifact
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.engines import EngineError
from depth_sr_ros.papers.path import NetworkPath
from depth_sr_ros.upsampler import Upsampler, UpsamplerError

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def upsampler():
    upsampler = Upsampler(model="fdkn", scale=8, precision="fp32")
    yield upsampler
    upsampler.close()


def _scene(height=HEIGHT, width=WIDTH):
    """A near disc before a far wall; depth exact at every pixel."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2
    depth = np.where(disc, 1.0, 2.0 + 0.002 * x).astype(np.float32)
    rgb = np.where(disc[..., None], (200, 80, 60), (50, 90, 160)).astype(np.uint8)
    return rgb, depth


def _coarse(depth, scale=8):
    return depth[scale // 2 :: scale, scale // 2 :: scale].copy()


def test_coarse_depth_is_used_as_it_is(upsampler):
    rgb, depth = _scene()
    result = upsampler(rgb, _coarse(depth))
    assert result.depth.shape == (HEIGHT, WIDTH) and result.depth.dtype == np.float32
    assert result.valid.all() and result.valid.dtype == bool
    assert set(result.timings) == {"prepare", "engine", "finish"}
    assert any("used as it is" in note for note in upsampler.notes)
    assert np.median(np.abs(result.depth - depth)) < 0.01


def test_follows_the_colour_edge_better_than_bicubic(upsampler):
    rgb, depth = _scene()
    coarse = depth.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean(axis=(1, 3))
    bicubic = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    error = np.sqrt(np.mean((upsampler(rgb, coarse).depth - depth) ** 2))
    assert error < 0.75 * np.sqrt(np.mean((bicubic - depth) ** 2))


@pytest.mark.parametrize(
    ("evaluation", "warned"), [({"mean_ratio": 1.25}, True), ({"mean_ratio": 0.8}, False), ({}, False)]
)
def test_weights_that_are_worse_than_bicubic_on_cameras_depth_are_told(tmp_path, artifact, evaluation, warned):
    shutil.copytree(artifact.folder, tmp_path / "weights")
    card = json.loads((tmp_path / "weights" / "card.json").read_text())
    card["evaluation"]["cell-median"] = {"dev": evaluation}
    (tmp_path / "weights" / "card.json").write_text(json.dumps(card))
    rgb, depth = _scene()
    with_card = Upsampler(weights=tmp_path / "weights", precision="fp32")
    with_card(rgb, _coarse(depth))
    with_card.close()
    assert ["1.25 times bicubic's error" in caution for caution in with_card.cautions] == [True] * warned


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (HEIGHT + 4, WIDTH + 5)], ids=["multiple", "no_multiple"])
def test_depth_of_colour_size_is_reduced_and_gives_the_same(upsampler, size):
    rgb, depth = _scene(*size)
    coarse = _coarse(depth)
    cells = np.kron(coarse, np.ones((8, 8), np.float32))
    aligned = np.pad(cells, [(0, max(0, n - have)) for n, have in zip(size, cells.shape, strict=True)], mode="edge")
    aligned = aligned[: size[0], : size[1]].copy()
    np.testing.assert_allclose(upsampler(rgb, aligned).depth, upsampler(rgb, coarse).depth, atol=1e-5)
    assert any("aligned to the colour size" in note for note in upsampler.notes)


def test_infinite_samples_do_not_crowd_out_the_valid_ones_of_a_cell(upsampler):
    rgb, depth = _scene()
    depth[40:48, 40:45] = np.inf
    assert upsampler(rgb, depth).valid.all()


def test_ratio_in_between_goes_to_the_nearest_shipped_scale():
    upsampler = Upsampler(scale=8)
    rgb, depth = _scene()
    result = upsampler(rgb, depth[1::3, 1::3].copy())
    assert result.depth.shape == (HEIGHT, WIDTH)
    assert upsampler.describe().model == "fdkn_x4_live"
    assert any("x4" in note and "resampled" in note for note in upsampler.notes)


@pytest.mark.parametrize("size", [(97, 131), (95, 126), (50, 61)])
def test_sizes_that_are_no_multiple_are_padded_not_refused(upsampler, size):
    rgb, depth = _scene(*size)
    result = upsampler(rgb, _coarse(depth))
    assert result.depth.shape == size
    assert np.isfinite(result.depth).all()


def test_holes_stay_holes(upsampler):
    rgb, depth = _scene()
    coarse = _coarse(depth)
    coarse[2:4, 3:6] = np.nan
    result = upsampler(rgb, coarse)
    assert np.isnan(result.depth[16:32, 24:48]).all() and not result.valid[16:32, 24:48].any()
    assert np.isfinite(result.depth[result.valid]).all()
    assert result.valid.sum() == HEIGHT * WIDTH - 16 * 24


def test_holes_are_filled_on_request_and_still_marked():
    rgb, depth = _scene()
    coarse = _coarse(depth)
    coarse[2:4, 3:6] = np.nan
    result = Upsampler(scale=8, precision="fp32", fill_holes=True)(rgb, coarse)
    hole = result.depth[16:32, 24:48]
    assert np.isfinite(result.depth).all() and not result.valid[16:32, 24:48].any()
    assert hole.min() > 0.9 and hole.max() < 2.3


@pytest.mark.parametrize("invalid", [0.0, -1.0, np.inf, -np.inf, np.nan])
def test_every_kind_of_invalid_value_is_a_hole(upsampler, invalid):
    rgb, depth = _scene()
    coarse = _coarse(depth)
    coarse[5, 5] = invalid
    for given in (coarse, np.kron(coarse, np.ones((8, 8), np.float32))):
        result = upsampler(rgb, given.astype(np.float32))
        assert not result.valid[40:48, 40:48].any()
        assert result.depth[result.valid].max() < 3


def test_inputs_are_not_changed(upsampler):
    rgb, depth = _scene()
    coarse = _coarse(depth)
    coarse[0, 0] = np.nan
    before = rgb.copy(), coarse.copy()
    upsampler(rgb, coarse)
    assert np.array_equal(rgb, before[0]) and np.array_equal(coarse, before[1], equal_nan=True)


@pytest.mark.parametrize(
    ("make", "cause", "words"),
    [
        (lambda rgb, d: (rgb, np.full_like(_coarse(d), np.nan)), "all_invalid", "expected some valid distance"),
        (lambda rgb, d: (rgb[:40, :40], d), "size", "larger than colour"),
        (lambda rgb, d: (rgb[:, :64], _coarse(d)), "size", "aspect ratios"),
        (lambda rgb, d: (rgb[..., 0], _coarse(d)), "encoding", r"expected \(H, W, 3\) uint8"),
        (lambda rgb, d: (rgb.astype(np.float32), _coarse(d)), "encoding", "float32"),
        (lambda rgb, d: (rgb, _coarse(d).astype(np.uint16)), "encoding", "uint16"),
        (lambda rgb, d: (rgb, d[:0]), "empty", "with pixels"),
    ],
    ids=["all_invalid", "larger_depth", "aspect", "grey", "float_colour", "raw_depth", "no_pixels"],
)
def test_unusable_frame_says_why_and_the_next_one_is_served(upsampler, make, cause, words):
    rgb, depth = _scene()
    with pytest.raises(FrameError, match=words) as caught:
        upsampler(*make(rgb, depth))
    assert caught.value.cause == cause
    assert upsampler(rgb, _coarse(depth)).valid.all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "fdnk"}, "expected one of"),
        ({"scale": 3}, "expected one of"),
        ({"engine": "cuda"}, "engine: expected one of"),
        ({"precision": "half"}, "precision: expected one of"),
        ({"weights": "/no/such/folder"}, "expected an artifact folder"),
        ({"scale": 8, "engine": "cuda"}, "engine: expected one of"),
        ({"scale": 8, "precision": "half"}, "precision: expected one of"),
        ({"scale": 8, "weights": "/no/such/folder"}, "expected an artifact folder"),
        ({"model": "fdkn", "scale": -1}, "expected one of"),
    ],
)
def test_unusable_settings_say_expected_and_found(settings, words):
    with pytest.raises(UpsamplerError, match=words):
        Upsampler(**settings)


def test_weights_of_ones_own(artifact, tmp_path):
    shutil.copytree(artifact.folder, tmp_path / "mine")
    upsampler = Upsampler(scale=8, weights=tmp_path / "mine")
    assert upsampler.describe().weights_id == artifact.weights_id
    with pytest.raises(UpsamplerError, match="expected weights for scale 4, found 8"):
        Upsampler(scale=4, weights=tmp_path / "mine")


def test_damaged_weights_are_refused(artifact, tmp_path):
    shutil.copytree(artifact.folder, tmp_path / "mine")
    with (tmp_path / "mine" / "graph.onnx").open("r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(UpsamplerError, match="damaged file"):
        Upsampler(scale=8, weights=tmp_path / "mine")


@pytest.mark.parametrize("scale", [0, 8])
def test_closing_twice_is_fine(scale):
    upsampler = Upsampler(scale=scale)
    rgb, depth = _scene()
    upsampler(rgb, _coarse(depth))
    upsampler.close()
    upsampler.close()


def test_weights_of_ones_own_serve_at_their_own_scale(artifact):
    info = Upsampler(weights=artifact.folder).describe()
    assert (info.model, info.scale) == ("fdkn_x8", 8) and info.weights_id == artifact.weights_id


def test_by_default_any_ratio_is_served_and_described_as_what_it_is():
    upsampler = Upsampler()
    rgb, depth = _scene()
    for each in (depth, _coarse(depth), depth[1::3, 1::3].copy(), depth[::2, ::2].copy()):
        result = upsampler(rgb, each)
        assert result.valid.all() and np.median(np.abs(result.depth - depth)) < 0.01
    info = upsampler.describe()
    weights = find_artifact("fdkn", 0).weights_id
    assert (info.model, info.scale, info.weights_id) == ("fdkn_live", 0, weights) and result.expected_error is not None
    jiif = Upsampler("jiif").describe()
    assert jiif.model == "live_filter" and "jiif has no live weights yet" in jiif.reason


@pytest.mark.parametrize(
    ("scale", "cell", "model"), [(4, 4, "fdkn_x4_live"), (8, 8, "fdkn_x8_live"), (0, 5, "fdkn_live")]
)
def test_by_default_coarse_depth_goes_to_the_network_of_its_scale(scale, cell, model):
    """On registered depth, clean or noisy, they are far better than the filter; see docs/DESIGN.md."""
    rgb, depth = _scene(80, 160)
    coarse = depth.reshape(80 // cell, cell, 160 // cell, cell).mean(axis=(1, 3))
    upsampler = Upsampler()
    upsampler.prepare(rgb.shape[:2], coarse.shape)
    assert upsampler.describe().model == model
    result = upsampler(rgb, coarse)
    if scale:
        np.testing.assert_array_equal(result.depth, Upsampler(scale=scale)(rgb, coarse).depth)
        assert any("used as it is" in note for note in upsampler.notes)
    assert (result.quality is None) == (scale > 0)
    upsampler(rgb, depth)
    assert upsampler.describe().model == "fdkn_live" and upsampler.cautions == ()


def test_where_no_network_can_run_the_filter_serves_coarse_depth(monkeypatch, caplog):
    class Refusing(NetworkPath):
        def __init__(self, *_):
            raise EngineError("no engine here")

    monkeypatch.setattr("depth_sr_ros.upsampler.NetworkPath", Refusing)
    rgb, depth = _scene()
    upsampler = Upsampler()
    for _ in range(2):
        assert upsampler(rgb, _coarse(depth)).quality is not None
    assert caplog.text.count("no engine here") == 1 and upsampler.describe().model == "fdkn_live"


def test_where_no_engine_is_there_the_filter_serves(monkeypatch, caplog):
    def none(*settings, **more):
        raise EngineError("no engine is installed")

    monkeypatch.setattr("depth_sr_ros.engines.current.choose_engine", none)
    rgb, depth = _scene()
    upsampler = Upsampler()
    result = upsampler(rgb, depth)
    assert result.expected_error is None and upsampler.describe().model == "live_filter"
    assert "fdkn_live cannot serve here" in caplog.text and "no engine is installed" in caplog.text
    with pytest.raises(UpsamplerError, match="no engine is installed"):
        Upsampler(engine="openvino")


def test_describe_before_the_first_frame():
    info = Upsampler(scale=8).describe()
    served = find_artifact("fdkn", 8)
    assert info.model == served.card.name and info.weights_id == served.weights_id


def _damage_shipped(scales, folder, monkeypatch):
    """Makes x4, x8 and x16 the shipped weights, some of them damaged."""
    for scale in (4, 8, 16):
        shutil.copytree(SHIPPED / f"fdkn_x{scale}", folder / f"fdkn_x{scale}")
    for scale in scales:
        (folder / f"fdkn_x{scale}" / "graph.onnx").write_bytes(b"")
    monkeypatch.setattr("depth_sr_ros.papers.path.shipped_scales", lambda model: [4, 8, 16])
    monkeypatch.setattr(
        "depth_sr_ros.papers.path.find_artifact", lambda model, scale: find_artifact(model, scale, folder)
    )


@pytest.mark.parametrize(
    ("scale", "damaged", "serves"),
    [(8, [4], 8), (16, [4], 8), (16, [4, 8], 16)],
    ids=["by_the_one_asked_for", "by_another", "by_the_last"],
)
def test_a_scale_that_cannot_be_served_is_told_once_and_the_one_that_stands_in_is_named(
    scale, damaged, serves, monkeypatch, caplog, tmp_path
):
    """Depth of half the colour's size would go to x4."""
    _damage_shipped(damaged, tmp_path, monkeypatch)
    upsampler = Upsampler(scale=scale, engine="onnxruntime", threads=1)
    rgb, depth = _scene()
    for _ in range(3):
        assert upsampler(rgb, depth[::2, ::2].copy()).valid.all()
    assert upsampler.describe().model == f"fdkn_x{serves}"
    for refused in damaged:
        assert caplog.text.count(f"scale x{refused} cannot be served") == 1
    assert re.findall(r"x(\d+) stands in", caplog.text) == [str(serves)]

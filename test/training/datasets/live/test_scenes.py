"""Pieces of scenes: metric, exact, and of the size that is asked for."""

from pathlib import Path

import numpy as np
import pytest

from training.datasets.live.photographed import (
    NEAREST,
    RELIEF,
    DepthImage,
    ImagePieces,
    depth_image,
    from_farther_side,
    resized,
    without_steps,
)
from training.datasets.live.scenes import MixedScenes, ProceduralPieces
from training.datasets.pairs import Pair, PairEntry
from training.datasets.procedural import ProceduralScenes
from training.datasets.scenes.photographs import Photographs


def _rng(seed=4):
    return np.random.default_rng(seed)


def _disparity(size=(300, 360)):
    """A slanted plane with a board before it, rounded to levels."""
    y, x = np.mgrid[: size[0], : size[1]]
    values = 40 + 0.05 * x + 0.02 * y
    values[80:200, 100:220] = 120
    return values.astype(np.float32)


def _pair(values, kind="disparity", unit="disparity", step=1.0, valid=None):
    entry = PairEntry("train", "made", "s", "", Path(), Path(), kind, unit, step)
    rgb = np.random.default_rng(0).integers(0, 255, (*values.shape, 3)).astype(np.uint8)
    return Pair(entry, rgb, values.astype(np.float32), np.ones(values.shape, bool) if valid is None else valid)


def test_steps_are_smoothed_and_no_value_leaves_its_own():
    exact = _disparity()
    smooth = without_steps(np.rint(exact), 1.0)
    assert np.abs(smooth - np.rint(exact)).max() <= 0.5 + 1e-5
    inside = np.s_[220:290, 10:350]
    assert np.abs(smooth - exact)[inside].mean() < 0.6 * np.abs(np.rint(exact) - exact)[inside].mean()
    assert (smooth[80:200, 100:220] >= 119.5).all()


def test_holes_take_the_farther_end_of_their_row():
    values = _disparity()
    known = np.ones(values.shape, bool)
    known[100:150, 90:100] = False
    filled = from_farther_side(np.where(known, values, 999), known)
    assert (filled[100:150, 90:100] < 60).all()
    np.testing.assert_array_equal(filled[known], values[known])


def test_a_piece_of_disparity_is_a_scene_whose_planes_are_planes():
    """Inverse depth is a line of the disparity: of two planes the ratio of all slopes is the same."""
    image = depth_image(_pair(_disparity()))
    nearest, relief = [], []
    for seed in range(60):
        piece = ImagePieces([image], [1.0]).piece(160, _rng(seed))
        assert piece.truth.shape == (160, 160) and piece.rgb.shape == (160, 160, 3) and not piece.whole
        assert piece.camera.width == 160 and 300 <= piece.camera.fx <= 1200
        np.testing.assert_allclose(1 / piece.truth, piece.layers[0].inverse, rtol=1e-5)
        nearest.append(piece.depths[0])
        relief.append(piece.depths[1] / piece.depths[0])
    assert min(nearest) >= NEAREST[0] * 0.99 and max(relief) <= RELIEF[1] * 1.01 and max(relief) > 2
    slope = np.diff(piece.layers[0].inverse[150, 5:40])
    assert slope.std() < 0.35 * abs(slope.mean())


def test_metric_depth_keeps_its_angles():
    """From slope and focal length alone follows how far left the piece was cut, which has to be in the image."""
    depth = (1000 * (1 + 0.002 * np.mgrid[:300, :360][1])).astype(np.float32)
    image = depth_image(_pair(depth, "depth", "mm"), 400.0)
    factors = []
    for seed in range(10):
        piece = ImagePieces([image], [1.0]).piece(200, _rng(seed))
        width = 400.0 * 200 / piece.camera.fx  # of the piece in the image
        assert width == pytest.approx(round(width), abs=1e-6) and 100 <= width <= 286
        inside = piece.truth[100, 10:190]
        share = (inside[-1] - inside[0]) / (len(inside) - 1) * 200 / inside[0]  # of its depth over the piece
        first = 0.002 * width / share  # metres at its left, before the factor
        assert 0.97 <= first <= 1 + 0.002 * (360 - width) + 0.06
        factors.append(inside[0] / first)
    assert 0.55 < min(factors) < 0.9 and 1.2 < max(factors) < 1.8


def test_depth_without_a_focal_length_is_refused():
    with pytest.raises(ValueError, match="a focal length"):
        depth_image(_pair(_disparity(), "depth", "mm"))


def test_enlarged_edges_stay_between_two_surfaces():
    inverse = np.full((40, 40), 0.5, np.float32)
    inverse[:, 20:] = 1.0
    large = resized(inverse, (100, 100))
    assert set(np.unique(large)) == {0.5, 1.0}
    assert np.argmax(large[50] > 0.7) == pytest.approx(50, abs=1)


def test_unknown_depth_stays_unknown():
    known = np.ones((300, 360), bool)
    known[:, :60] = False
    image = depth_image(_pair(_disparity(), valid=known))
    pieces = [ImagePieces([image], [1.0]).piece(200, _rng(seed)).truth for seed in range(12)]
    unknown = [np.isnan(truth).mean() for truth in pieces]
    assert max(unknown) > 0.05 and min(unknown) < max(unknown)


def test_procedural_layers_show_what_the_scene_shows():
    scenes = ProceduralScenes(120, 120, 3, "depth")
    source = ProceduralPieces(scenes)
    for seed in range(6):
        piece = source.piece(120, _rng(seed))
        number = int(_rng(seed).integers(2**62))
        pair = scenes.scene(number)
        np.testing.assert_array_equal(piece.rgb, pair.rgb)
        assert piece.whole and len(piece.layers) > 1
        different = np.abs(piece.truth - pair.target) > 1e-4 * pair.target
        assert different.mean() < 0.01


def test_procedural_pieces_have_one_size():
    with pytest.raises(ValueError, match="expected scenes of 64x64 pixels, found 120x120"):
        ProceduralPieces(ProceduralScenes(120, 120, 3, "depth")).piece(64, _rng())


def test_photographs_give_surfaces_their_colours():
    red = np.zeros((50, 60, 3), np.uint8)
    red[..., 0] = 255
    cut = Photographs([red]).cut(_rng(), 30, 40)
    assert cut.shape == (30, 40, 3) and (cut[..., 0] > 0.4).all() and (cut[..., 1:] == 0).all()
    textured = ProceduralScenes(96, 96, 1, "depth", Photographs([red])).scene(0).rgb.astype(float)
    plain = ProceduralScenes(96, 96, 1, "depth").scene(0).rgb.astype(float)
    assert ((textured[..., 0] > 2 * textured[..., 1]) & (textured[..., 0] > 60)).mean() > 0.1
    assert np.abs(textured - plain).mean() > 1
    with pytest.raises(ValueError, match="at least one image"):
        Photographs([])


def test_shares_decide_which_source_is_drawn():
    class Source:
        def __init__(self, name):
            self.name = name

        def piece(self, side, rng):
            return self.name

    mixed = MixedScenes([Source("a"), Source("b")], [3, 1])
    rng = _rng()
    assert np.mean([mixed.piece(8, rng) == "a" for _ in range(2000)]) == pytest.approx(0.75, abs=0.03)
    with pytest.raises(ValueError, match="one share per source"):
        MixedScenes([Source("a")], [])
    with pytest.raises(ValueError, match="one weight per image"):
        ImagePieces([DepthImage(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4)), np.ones((4, 4), bool))], [])

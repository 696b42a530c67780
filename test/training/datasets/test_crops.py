"""Random training crops."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.datasets.crops import CropOptions, RandomCrops
from training.datasets.endless import EndlessSampler
from training.datasets.pairs import load_pair, read_manifest
from training.datasets.procedural import ProceduralScenes
from training.datasets.sources import LoadedPairs, MixedSources
from training.degradation import bicubic_down, median_down


@pytest.fixture(scope="module")
def pairs(data_folder):
    return [load_pair(e) for e in read_manifest(data_folder, "train")]


def _crops(pairs, seed=0, **options):
    return RandomCrops(LoadedPairs(pairs, [1] * len(pairs)), CropOptions(size=64, **options), seed)


def _take(pairs, count=8, seed=0, **options):
    crops = _crops(pairs, seed, **options)
    return [crops[number] for number in range(count)]


@pytest.mark.parametrize("scale", [4, 8])
def test_shapes_ranges_and_the_low_resolution_input(pairs, scale):
    for crop in _take(pairs, scale=scale):
        assert crop["guide"].shape == (3, 64, 64) and crop["target"].shape == crop["valid"].shape == (1, 64, 64)
        assert crop["depth_lr"].shape == (1, 64 // scale, 64 // scale)
        assert crop["guide"].min() >= 0 and crop["guide"].max() <= 1
        known = crop["target"][crop["valid"] > 0]
        assert known.min() == pytest.approx(0, abs=1e-5) and known.max() == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(crop["depth_lr"], bicubic_down(crop["target"][None], scale)[0])


def test_a_seed_fixes_the_sequence(pairs):
    first, again, other = _take(pairs, seed=4), _take(pairs, seed=4), _take(pairs, seed=5)
    assert all(torch.equal(a["guide"], b["guide"]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0]["guide"], other[0]["guide"])


def test_colour_and_depth_stay_aligned_under_flips_and_enlargement(pairs):
    """In the synthetic scenes the third colour channel equals the disparity, so both must correlate in every crop."""
    options = {"enlargements": (1.0, 2.0), "colour_jitter": 0.0, "invert": 0.0, "reciprocal": 0.0}
    for crop in _take(pairs, 12, **options):
        known = crop["valid"][0] > 0
        both = torch.stack((crop["guide"][2][known], crop["target"][0][known]))
        assert torch.corrcoef(both)[0, 1] > 0.9


def test_inverted_crops_mirror_depth(pairs):
    options = {"colour_jitter": 0.0, "reciprocal": 0.0, "enlargements": (1.0,)}
    for crop in _take(pairs, 6, invert=1.0, **options):
        known = crop["valid"][0] > 0
        both = torch.stack((crop["guide"][2][known], crop["target"][0][known]))
        assert torch.corrcoef(both)[0, 1] < -0.9


def _assert_equal(first, second):
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_crop_depends_on_the_seed_and_its_number_alone(pairs):
    """Not on the crops before it, nor on the worker that draws it."""
    degradations = {"degradations": {"live": 1.0}}
    in_order = _take(pairs, 6, **degradations)
    _assert_equal(_crops(pairs, **degradations)[5], in_order[5])
    loader = DataLoader(_crops(pairs, **degradations), batch_size=2, sampler=EndlessSampler(2, 1), num_workers=2)
    batch = next(iter(loader))
    _assert_equal({key: tensor[1] for key, tensor in batch.items()}, in_order[3])
    assert not torch.equal(in_order[0]["guide"], in_order[1]["guide"])


def test_degradations_are_drawn_by_their_shares(pairs):
    for crop in _take(pairs, 4, degradations={"median": 1.0}):
        torch.testing.assert_close(crop["depth_lr"], median_down(crop["target"][None], 8)[0])
    kinds = [
        torch.allclose(crop["depth_lr"], median_down(crop["target"][None], 8)[0])
        for crop in _take(pairs, 20, degradations={"median": 0.5, "bicubic": 0.5})
    ]
    assert 2 <= sum(kinds) <= 18


def test_sensor_noise_grows_with_distance_whatever_the_map_holds(pairs):
    """In a disparity map 1 is near; a camera loses what is far, so inverting before and after must be the same."""
    as_depth = [replace(p, entry=replace(p.entry, kind="depth"), target=p.target.max() + 1 - p.target) for p in pairs]
    options = {"degradations": {"tof": 1.0}, "invert": 0.0, "reciprocal": 0.0, "colour_jitter": 0.0}
    for disparity, depth in zip(_take(pairs, 3, **options), _take(as_depth, 3, **options), strict=True):
        torch.testing.assert_close(1 - disparity["depth_lr"], depth["depth_lr"], atol=1e-4, rtol=0)


def test_a_sensors_depth_is_normalised_by_its_own_range_and_the_truth_with_it(pairs):
    options = {"invert": 0.0, "reciprocal": 0.0, "colour_jitter": 0.0, "enlargements": (1.0,)}
    names = ("tof", "box+gaussian:0.05+holes:0.1")
    for crop in (crop for name in names for crop in _take(pairs, 3, degradations={name: 1.0}, **options)):
        seen = crop["depth_lr"][crop["valid_lr"] > 0]
        assert float(seen.min()) == pytest.approx(0, abs=1e-4) and float(seen.max()) == pytest.approx(1, abs=1e-4)
        means = torch.nn.functional.avg_pool2d(crop["target"], 8)
        assert float((means - crop["depth_lr"]).abs().median()) < 0.1
    noisy, clean = (_take(pairs, 1, degradations={name: 1.0}, **options)[0] for name in (names[1], "box"))
    assert float((noisy["target"] - clean["target"]).abs().max()) > 0.01
    for crop in _take(pairs, 2, degradations={"dagf-noise": 1.0}, **options):
        assert float(crop["target"][crop["valid"] > 0].max()) == pytest.approx(1)


def test_dada_reduces_what_is_valid_and_says_where(pairs):
    holed = [replace(p, valid=p.valid & (np.indices(p.valid.shape)[1] % 60 > 30)) for p in pairs]
    crops = _take(holed, 4, degradations={"dada": 1.0}, valid_share=0.2)
    assert any((crop["valid_lr"] == 0).any() for crop in crops)
    for crop in crops:
        known = crop["valid"][0] > 0
        cells = torch.nn.functional.max_pool2d(crop["valid"], 8)
        assert torch.equal(crop["valid_lr"], cells)
        row, column = next(iter(cells[0].nonzero().tolist()))
        window = np.s_[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        mean = crop["target"][0][window][known[window]].mean()
        torch.testing.assert_close(crop["depth_lr"][0, row, column], mean)


def test_whole_range_normalises_by_the_image(pairs):
    (pair,) = flat = pairs[:1]
    low, high = pair.target[pair.valid].min(), pair.target[pair.valid].max()
    options = {"invert": 0.0, "reciprocal": 0.0, "colour_jitter": 0.0, "enlargements": (1.0,)}
    for crop in _take(flat, 4, whole_range=1.0, **options):
        disparity = crop["target"] * (high - low) + low
        torch.testing.assert_close(disparity, disparity.round(), atol=1e-3, rtol=0)


def test_scale_is_drawn_per_batch(pairs):
    crops = _crops(pairs, scales=(2.0, 8.0), batch_size=3)
    sides = [crops[number]["depth_lr"].shape[-1] for number in range(12)]
    assert sides == [crops.side_of(number) for number in range(12)]
    assert all(len(set(sides[first : first + 3])) == 1 for first in range(0, 12, 3))
    assert len(set(sides)) > 2 and min(sides) >= 8 and max(sides) <= 32


def test_sources_are_drawn_by_their_shares(pairs):
    source = MixedSources([LoadedPairs(pairs, [1] * 3), ProceduralScenes(64, 64)], [0.5, 0.5])
    drawn = [source.draw(np.random.default_rng(seed)).entry.dataset for seed in range(20)]
    assert set(drawn) == {"layers", "procedural"} and 4 <= drawn.count("layers") <= 16


def test_procedural_scenes_are_repeatable():
    crops = [RandomCrops(ProceduralScenes(64, 64, seed=1), CropOptions(size=64)) for _ in range(2)]
    _assert_equal(crops[0][3], crops[1][3])


def test_images_without_a_usable_crop_are_told(pairs):
    flat = [replace(p, target=np.full_like(p.target, 7)) for p in pairs]
    with pytest.raises(ValueError, match="no usable crop of 64x64 px"):
        _take(flat, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degradations": {"nearst": 1.0}}, "did you mean 'nearest'"),
        ({"degradations": {}}, "found none"),
        ({"scales": (8.0, 2.0)}, "scales: expected two numbers from 1"),
        ({"degradations": {"bicubic": 0.0, "box": 0.0}}, r"share above 0 for at least one of \['bicubic', 'box'\]"),
        ({"scales": (2.0, 8.0), "width": 128, "flips": "mirror"}, "only square crops .* found 256x128"),
        ({"scales": (2.0, 8.0), "degradations": {"box": 1.0}}, "only bicubic reduces by any scale"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        CropOptions(**options)


def test_weights_must_fit_the_pairs(pairs):
    with pytest.raises(ValueError, match="3 pairs and 1 weights"):
        LoadedPairs(pairs, [1])
    with pytest.raises(ValueError, match="weight above 0 for at least one of 3 pairs"):
        LoadedPairs(pairs, [0, 0, 0])


def test_of_several_windows_the_one_with_edges_is_taken(pairs):
    def lost_by_reduction(**options):
        crops = _take(pairs, 24, whole_range=1.0, enlargements=(1.0,), invert=0.0, reciprocal=0.0, **options)
        errors = [resize_bicubic(c["depth_lr"][None], (64, 64))[0] - c["target"] for c in crops]
        return float(torch.stack(errors).square().mean())

    assert lost_by_reduction(windows=4) > 1.2 * lost_by_reduction(windows=1)
    with pytest.raises(ValueError, match="windows: expected at least 1, found 0"):
        CropOptions(windows=0)

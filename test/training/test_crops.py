"""Random training crops."""

import itertools

import pytest
import torch
from torch.utils.data import DataLoader

from training.datasets.crops import CropOptions, RandomCrops
from training.datasets.pairs import load_pair, read_manifest
from training.degradation import bicubic_down, median_down


@pytest.fixture(scope="module")
def pairs(data_folder):
    return [load_pair(e) for e in read_manifest(data_folder, "train")]


def _take(pairs, count=8, seed=0, **options):
    return list(itertools.islice(RandomCrops(pairs, [1] * len(pairs), CropOptions(size=64, **options), (seed,)), count))


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
    """In the made-up scenes the third colour channel equals the disparity, so both must correlate in every crop."""
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


def test_workers_draw_different_crops(pairs):
    loader = DataLoader(RandomCrops(pairs, [1] * 3, CropOptions(size=64)), batch_size=1, num_workers=2)
    first, second = itertools.islice(loader, 2)
    assert not torch.equal(first["guide"], second["guide"])


def test_degradations_are_drawn_by_their_shares(pairs):
    for crop in _take(pairs, 4, degradations={"median": 1.0}):
        torch.testing.assert_close(crop["depth_lr"], median_down(crop["target"][None], 8)[0])
    kinds = [
        torch.allclose(crop["depth_lr"], median_down(crop["target"][None], 8)[0])
        for crop in _take(pairs, 20, degradations={"median": 0.5, "bicubic": 0.5})
    ]
    assert 2 <= sum(kinds) <= 18


def test_unknown_degradation_names_the_known_ones():
    with pytest.raises(ValueError, match="'bicubic', 'box', 'median'"):
        CropOptions(degradations={"nearst": 1.0})


def test_weights_must_fit_the_pairs(pairs):
    with pytest.raises(ValueError, match="3 pairs and 1 weights"):
        RandomCrops(pairs, [1], CropOptions())

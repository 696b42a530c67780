"""Live crops: what a batch holds, that a number repeats it, and that it is what run time would see."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from depth_sr_ros.cameras.registration import FILLED, FOOTPRINT, MEASURED
from training.datasets.live.colours import varied
from training.datasets.live.crops import LiveCrops, LiveCropsByNumber, LiveOptions
from training.datasets.live.scenes import ProceduralPieces
from training.datasets.procedural import ProceduralScenes
from training.degradation.two_cameras.ranges import CameraRanges, FaultRanges, GeometryRanges

OPTIONS = LiveOptions(size=64, margin=16)
KEYS = {"guide", "start", "near", "far", "quality", "truth", "ratio", "number"}


@cache
def _source():
    return ProceduralPieces(ProceduralScenes(OPTIONS.side, OPTIONS.side, 2, "depth"))


@pytest.fixture(scope="module")
def crops():
    return [LiveCropsByNumber(_source(), OPTIONS, 7)[number] for number in range(24)]


def test_a_crop_holds_what_a_network_needs(crops):
    for number, crop in enumerate(crops):
        assert set(crop) == KEYS and int(crop["number"]) == number
        assert crop["guide"].shape == (3, 64, 64) and crop["guide"].dtype == torch.float32
        assert crop["guide"].min() >= 0 and crop["guide"].max() <= 1
        for name in ("start", "near", "far", "truth"):
            assert crop[name].shape == (1, 64, 64) and crop[name].dtype == torch.float32
        assert crop["quality"].shape == (1, 64, 64) and crop["quality"].dtype == torch.uint8
        assert set(crop["quality"].unique().tolist()) <= {FILLED, FOOTPRINT, MEASURED}
        assert crop["ratio"].shape == () and 1 <= crop["ratio"] <= 10.2
        assert crop["start"].isfinite().all() and crop["near"].isfinite().all() and crop["far"].isfinite().all()
        assert (crop["near"] <= crop["far"]).all()


def test_most_of_a_start_image_is_near_the_truth(crops):
    errors = [((c["start"] - c["truth"]).abs() / c["truth"])[c["quality"] == MEASURED].median() for c in crops]
    assert np.median(errors) < 0.02


def test_a_number_is_one_crop_in_any_order(crops):
    again = LiveCropsByNumber(_source(), OPTIONS, 7)
    for number in (11, 3, 20):
        for name, value in again[number].items():
            assert torch.equal(value, crops[number][name])
    other = LiveCropsByNumber(_source(), OPTIONS, 8)[3]
    assert not torch.equal(other["guide"], crops[3]["guide"])


@pytest.mark.parametrize("workers", (0, 2))
def test_the_stream_has_the_numbered_crops_each_once(crops, workers):
    loader = DataLoader(LiveCrops(_source(), OPTIONS, 7, first=4), batch_size=None, num_workers=workers)
    taken = list(itertools.islice(loader, 6))
    assert sorted(int(crop["number"]) for crop in taken) == [4, 5, 6, 7, 8, 9]
    for crop in taken:
        assert torch.equal(crop["start"], crops[int(crop["number"])]["start"])


def test_without_faults_and_errors_the_start_image_is_the_truth():
    exact = CameraRanges(
        GeometryRanges(ratio=(1.0, 1.0), shift=0.0, far_off=0.0, rotation=0.0, motion=0.0, aligned=0.0, registered=1.0),
        ((FaultRanges(units=(0.0,)), 1.0),),
    )
    crops = LiveCropsByNumber(_source(), LiveOptions(64, 16, ranges=exact), 1)
    for number in range(4):
        crop = crops.crop(number, np.random.default_rng(number))
        error = (np.abs(crop.registered.start - crop.truth) / crop.truth)[crop.registered.quality == MEASURED]
        assert (error < 1e-3).mean() > 0.85  # at edges a pixel's samples lie on both sides


def test_flips_turn_all_images_alike():
    crops = LiveCropsByNumber(_source(), OPTIONS, 7)
    plain = crops.crop(5, np.random.default_rng([7, 5]))
    turned = [plain.tensors(np.random.default_rng(seed)) for seed in range(12)]
    own = plain.tensors()
    for crop in turned:
        order = torch.argsort(crop["start"].flatten(), stable=True)
        before = torch.argsort(own["start"].flatten(), stable=True)
        assert torch.equal(crop["start"].flatten()[order], own["start"].flatten()[before])
        assert float((crop["truth"] - crop["start"]).abs().nansum()) == pytest.approx(
            float((own["truth"] - own["start"]).abs().nansum()), rel=1e-4
        )
        grey, own_grey = crop["guide"].sum(0), own["guide"].sum(0)
        assert float((grey * crop["start"][0]).sum()) == pytest.approx(
            float((own_grey * own["start"][0]).sum()), rel=1e-4
        )
    assert len({crop["start"].numpy().tobytes() for crop in turned}) > 3


def test_scenes_without_known_depth_are_refused():
    class Unknown:
        def piece(self, side, rng):
            piece = _source().piece(side, rng)
            return type(piece)(piece.rgb, piece.layers, np.full_like(piece.truth, np.nan), piece.camera, True)

    with pytest.raises(ValueError, match="expected known depth at 50% of the pixels"):
        LiveCropsByNumber(Unknown(), OPTIONS, 0)[0]
    with pytest.raises(ValueError, match="size >= 16"):
        LiveOptions(size=8)


def test_colours_vary_and_stay_in_range():
    grey = np.full((40, 50, 3), 128, np.uint8)
    found = [varied(grey, np.random.default_rng(seed)) for seed in range(200)]
    assert min(f.min() for f in found) >= 0 and max(f.max() for f in found) <= 1
    unchanged = np.mean([np.allclose(f, 128 / 255) for f in found])
    assert unchanged == pytest.approx(0.25, abs=0.1)
    assert np.std([f.mean() for f in found]) > 0.05

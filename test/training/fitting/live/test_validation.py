"""Validation of live networks beside what serves cameras now."""

import numpy as np
import pytest
import torch

from depth_sr_ros.cameras.registration import Registered
from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.live.network import LiveOutputs
from training.datasets.live.crops import LiveCrop, smoothed
from training.datasets.live.dev import DevCrop, _read, _write
from training.fitting.live.validation import LiveEvaluation, ratio_to_filter, table


def _crop(camera="r2", seed=0, side=64):
    rng = np.random.default_rng(seed)
    truth = np.full((side, side), 2.0, np.float32)
    truth[:, side // 2 :] = 1.0
    start = (truth * (1 + 0.01 * rng.standard_normal(truth.shape))).astype(np.float32)
    start[:, side // 2 - 3 : side // 2] = 1.0
    near, far = np.minimum(start, 1.0).astype(np.float32), np.maximum(start, 2.0).astype(np.float32)
    quality = np.full(truth.shape, 3, np.uint8)
    rgb = np.where(truth[..., None] > 1.5, 200, 40).astype(np.uint8).repeat(3, axis=2)
    registered = Registered(start, quality, near, far, 1.0, 0)
    guide = (rgb / np.float32(255)).astype(np.float32)
    crop = LiveCrop(guide, registered, smoothed(guide, registered, 2.0), truth, 2.0)
    return DevCrop(camera, "made", crop, rgb)


class Oracle(torch.nn.Module):
    """Gives the truth moved by a millimetre, and says that it errs by two."""

    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def forward(self, guide, start, near, far, quality):
        depth = torch.from_numpy(self.truth)[None, None] + 0.001
        return LiveOutputs(depth, torch.full_like(depth, 0.002), depth, depth)


def test_a_network_that_changes_nothing_scores_as_the_filter_that_it_starts_from():
    evaluation = LiveEvaluation([_crop(), _crop(seed=1), _crop("r4", 2)])
    found = evaluation(create_live_model("fdkn").eval())
    assert [one.camera for one in found] == ["r2", "r4"]
    for one in found:
        for name in ("mae", "edges", "elsewhere"):
            assert one.measures["network"][name] == pytest.approx(one.measures["filter"][name], rel=0.02)
        assert one.measures["filter"]["mae"] != pytest.approx(one.measures["start"]["mae"], rel=1e-3)


def test_an_oracle_scores_a_millimetre_and_below_what_it_expects():
    crop = _crop()
    (found,) = LiveEvaluation([crop])(Oracle(crop.crop.truth))
    assert found.measures["network"]["mae"] == pytest.approx(1.0, rel=1e-3) and found.honest == 1.0
    expected = np.mean([1 / found.measures["filter"]["mae"], 1 / found.measures["filter"]["edges"]])
    assert ratio_to_filter([found]) == pytest.approx(expected, rel=1e-3)
    lines = table([found]).splitlines()
    assert lines[0] == "| camera | start | filter | network | below expected |"
    assert lines[2].startswith("| r2 | ") and lines[2].endswith("| 1.0 / 1 / 1.0, 0.0% | 1.00 |")


def test_crops_come_back_from_their_file_as_they_were(tmp_path):
    crops = [_crop(), _crop("r4", 3)]
    _write(crops, tmp_path / "v.npz")
    for one, again in zip(crops, _read(tmp_path / "v.npz"), strict=True):
        assert (again.camera, again.scene, again.crop.ratio) == (one.camera, one.scene, one.crop.ratio)
        np.testing.assert_array_equal(again.rgb, one.rgb)
        np.testing.assert_array_equal(again.crop.guide, one.crop.guide)
        for name in ("start", "near", "far", "quality"):
            np.testing.assert_array_equal(getattr(again.crop.registered, name), getattr(one.crop.registered, name))


def test_no_crops_are_refused():
    with pytest.raises(ValueError, match="at least one crop"):
        LiveEvaluation([])

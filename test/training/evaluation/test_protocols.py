"""Evaluation protocols."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.frame_graph import FrameGraph
from training.datasets.coarse import scene_of
from training.datasets.pairs import load_pair, read_manifest
from training.datasets.units import centimetres, metres_per_unit
from training.evaluation.cases import unit_of
from training.evaluation.network_scores import card_entry
from training.evaluation.protocols import PROTOCOLS, bicubic_up


@pytest.fixture(scope="module")
def pair(data_folder):
    return load_pair(read_manifest(data_folder, "test")[0])


@pytest.fixture(scope="module")
def noisy_pair(pair, tmp_path_factory):
    """The same pair with a noisy low-resolution file beside its ground truth, as Middlebury's are published."""
    folder = tmp_path_factory.mktemp("noisy")
    levels = np.clip(cv2.resize(pair.target[:144, :176], (22, 18), interpolation=cv2.INTER_AREA) + 3, 0, 255)
    cv2.imwrite(str(folder / "s4_noisy_lr_x8.png"), levels.astype(np.uint8))
    return type(pair)(_renamed(pair.entry, folder / "s4_gt.png"), pair.rgb, pair.target, pair.valid)


def _renamed(entry, gt):
    return type(entry)(**{**{name: getattr(entry, name) for name in entry.__dataclass_fields__}, "gt": gt})


def _metric(pair):
    """The pair with its values taken for millimetres times a hundredth of a metre."""
    entry = type(pair.entry)(**{**pair.entry.__dict__, "kind": "depth", "unit": "m"})
    return type(pair)(entry, pair.rgb, pair.target / 100, pair.valid)


@pytest.mark.parametrize("name", sorted(set(PROTOCOLS) - {"dada", "noisy-middlebury", "recorded"}))
def test_bicubic_scores_itself_and_the_truth_scores_zero(pair, name):
    (score,) = PROTOCOLS[name](bicubic_up, [pair], 8)
    assert score.ratio == pytest.approx(1, rel=1e-6)
    assert set(PROTOCOLS[name].reported) <= set(score.measures)
    case = PROTOCOLS[name].pose(pair, 8)
    answer = case.answer(lambda guide, depth: (case.target - case.low) / case.span)
    if case.clamped:
        case = replace(case, target=case.target.clamp(case.low, case.low + case.span))
    perfect = PROTOCOLS[name].measure(case, answer)
    assert perfect["rmse"] == pytest.approx(0, abs=1e-4) and perfect["mae"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["live", "recorded"])
def test_sensor_depth_is_normalised_and_kept_in_range_as_the_frame_graph_does(pair, name):
    low = pair.target[7:144:8, 7:176:8] * (np.eye(18, 22) < 1)
    entry = replace(pair.entry, read_low=lambda entry: low)
    case = PROTOCOLS[name].pose(replace(pair, entry=entry), 8)
    metres = (case.seen.depth * case.span + case.low)[0, 0] * case.seen.valid[0, 0]
    network = create_model("fdkn", scale=8).eval()
    with torch.inference_mode():
        expected, _ = FrameGraph(network)((case.guide[0].permute(1, 2, 0) * 255).round().byte(), metres)
    torch.testing.assert_close(case.answer(network)[0, 0], expected, atol=0.02, rtol=0)
    assert case.answer(lambda guide, depth: torch.full_like(guide[:, :1], 9.0)).max() <= metres.max() + 1e-3


def test_result_that_is_not_finite_is_no_better_mean(pair):
    rules = PROTOCOLS["dkn-bicubic"]
    case = rules.pose(pair, 8)
    spoilt = case.target.clone()
    spoilt[..., 70, 70] = torch.nan
    assert all(math.isnan(rules.measure(case, spoilt)[name]) for name in ("rmse", "mae", "bad"))


def test_measure_that_finds_nothing_is_left_out_and_wrong_shapes_are_an_error(pair):
    rules = PROTOCOLS["dkn-bicubic"]
    case = rules.pose(pair, 8)
    far = replace(case, target=torch.arange(176.0).expand_as(case.target))
    assert set(rules.measure(case, case.target)) - set(rules.measure(far, far.target)) == {"boundary_rmse"}
    with pytest.raises(ValueError, match="one shape"):
        rules.measure(case, case.target[..., 1:])
    nothing = replace(pair, valid=np.indices(pair.valid.shape)[0] < 3)
    assert rules(bicubic_up, [nothing], 8) == []


def test_flat_ground_truth_is_named(pair):
    flat = replace(pair, target=np.full_like(pair.target, 7))
    with pytest.raises(ValueError, match="layers s4: its ground truth is 7 everywhere"):
        PROTOCOLS["live"].pose(flat, 8)


def test_nothing_is_said_relative_to_bicubic_that_makes_no_error(pair):
    (score,) = PROTOCOLS["dkn-bicubic"](bicubic_up, [pair], 1)
    assert math.isnan(score.ratio)
    entry = card_entry([score])
    assert entry["mean_ratio"] is None and entry["mean"] == pytest.approx(0, abs=1e-3)


class Told(torch.nn.Module):
    """Wants to know which cells were measured, and remembers it."""

    uses_validity = True

    def forward(self, guide, depth_lr, valid_lr=None):
        self.told = valid_lr
        return bicubic_up(guide, depth_lr)


def test_dada_tells_which_cells_were_measured_to_who_asks(pair):
    holed = replace(_metric(pair), valid=pair.valid & (np.indices(pair.valid.shape)[1] >= 16))
    told = Told()
    PROTOCOLS["dada"].pose(holed, 8).answer(told)
    assert not told.told[..., :2].any() and told.told[..., 2:].all()


@pytest.mark.parametrize("name", ["live", "recorded", "cell-box"])
def test_every_protocol_tells_what_the_node_tells(pair, name):
    low = pair.target[7:144:8, 7:176:8] * (np.eye(18, 22) < 1)
    case = PROTOCOLS[name].pose(replace(pair, entry=replace(pair.entry, read_low=lambda entry: low)), 8)
    told = Told()
    case.answer(told)
    assert torch.equal(told.told, case.seen.valid)
    assert bool(told.told.all()) == (name == "cell-box")


@pytest.mark.parametrize("name", ["live", "jiif-noisy"])
def test_random_protocols_pose_the_same_case_again(pair, name):
    first, again = (PROTOCOLS[name].pose(pair, 8) for _ in range(2))
    assert torch.equal(first.seen.filled(), again.seen.filled())
    assert not torch.equal(first.seen.filled(), PROTOCOLS["dkn-bicubic"].pose(pair, 8).seen.filled())


def test_pixels_of_holes_are_not_counted(pair):
    case = PROTOCOLS["live"].pose(pair, 8)
    hole = case.seen.valid.repeat_interleave(8, -1).repeat_interleave(8, -2) == 0
    assert not (case.valid & hole).any()


_CALIBRATION = "cam0=[100 0 1; 0 100 1; 0 0 1]\nbaseline=%d\ndoffs=1\n"


def test_scenes_of_2014_are_metric_by_either_name_of_their_calibration(pair, tmp_path):
    """The publisher's is `calib.txt` in the scene's own folder; of a folder for all scenes it has the scene's name."""
    entry = replace(pair.entry, dataset="middlebury2014", scene="X-perfect", gt=tmp_path / "disp0.pfm")
    flat = replace(pair, entry=entry, target=np.full_like(pair.target, 9))
    with pytest.raises(FileNotFoundError, match=r"X-perfect_calib.txt: expected the calibration .* or as calib.txt"):
        centimetres(flat)
    (tmp_path / "calib.txt").write_text(_CALIBRATION % 200)
    assert centimetres(flat)[0, 0] == pytest.approx(100 * 200 / 10 / 10)
    (tmp_path / "X-perfect_calib.txt").write_text(_CALIBRATION % 100)
    assert centimetres(flat)[0, 0] == pytest.approx(100 * 100 / 10 / 10)


def test_dada_takes_metric_tiles_and_leaves_holes_out(pair):
    case = PROTOCOLS["dada"].pose(_metric(pair), 8)
    assert case.guide.shape == (1, 3, 144, 176)
    assert float(case.target.max()) == pytest.approx(float(pair.target[:144, :176].max()), rel=1e-5)
    large = type(pair)(pair.entry, *(np.tile(a, (4, 4, 1)[: a.ndim]) for a in (pair.rgb, pair.target, pair.valid)))
    case = PROTOCOLS["dada"].pose(_metric(large), 8)
    assert case.guide.shape == (4, 3, 256, 256) and case.seen.depth.shape == (4, 1, 32, 32)
    torch.testing.assert_close(case.target[1, 0], torch.from_numpy(large.target[:256, 256:512]), rtol=1e-5, atol=1e-4)
    # a cell's value is the mean of its valid pixels
    values, known = large.target[:8, 256:264], large.valid[:8, 256:264]
    found = case.seen.depth[1, 0, 0, 0] * case.span + case.low
    assert float(found) == pytest.approx(float(values[known].mean()), rel=1e-4)


def test_dada_needs_metric_ground_truth(pair):
    with pytest.raises(ValueError, match="expected ground truth in m or mm"):
        PROTOCOLS["dada"].pose(pair, 8)


def test_disparity_of_a_calibrated_scene_becomes_metric(pair, tmp_path):
    (tmp_path / "s4_calib.txt").write_text("cam0=[1000.0 0 300; 0 1000.0 200; 0 0 1]\ndoffs=30\nbaseline=200\n")
    entry = type(pair.entry)(**{**pair.entry.__dict__, "dataset": "middlebury2014_quarter", "gt": tmp_path / "g.npz"})
    metric = centimetres(type(pair)(entry, pair.rgb, pair.target, pair.valid))
    np.testing.assert_allclose(metric, 1000 * 200 / (pair.target + 30) / 10, rtol=1e-6)


def test_published_noisy_files_are_taken_as_they_are(pair, noisy_pair):
    case = PROTOCOLS["noisy-middlebury"].pose(noisy_pair, 8)
    means = case.seen.depth * case.span + case.low
    expected = torch.nn.functional.avg_pool2d(case.target, 8) + 3
    torch.testing.assert_close(means, expected, atol=1.01, rtol=0)
    with pytest.raises(FileNotFoundError, match="noisy_lr_x8"):
        PROTOCOLS["noisy-middlebury"].pose(pair, 8)


def test_recorded_needs_a_data_set_with_low_resolution_depth(pair):
    with pytest.raises(ValueError, match="no low-resolution depth of its own"):
        PROTOCOLS["recorded"].pose(pair, 8)
    low = pair.target[7:144:8, 7:176:8] * (np.eye(18, 22) < 1)
    entry = type(pair.entry)(**{**pair.entry.__dict__, "read_low": lambda entry: low})
    case = PROTOCOLS["recorded"].pose(type(pair)(entry, pair.rgb, pair.target, pair.valid), 8)
    assert float(case.seen.valid.mean()) == pytest.approx(1 - 18 / (18 * 22))


def test_metres_are_reported_in_centimetres(pair):
    assert unit_of(_metric(pair)) == ("cm", 100.0)
    (levels,), (metres,) = (PROTOCOLS["dkn-bicubic"](bicubic_up, [p], 8) for p in (pair, _metric(pair)))
    assert metres.rmse == pytest.approx(levels.rmse, rel=1e-4)


@pytest.mark.parametrize(
    ("unit", "metres"), [("m", 1.0), ("mm", 0.001), ("depth mm (uint16)", 0.001), ("cm", 0.01), ("depth levels", None)]
)
def test_metric_units_are_known_everywhere(pair, unit, metres):
    entry = replace(pair.entry, kind="depth", unit=unit)
    known = replace(pair, entry=entry)
    image = torch.zeros(1, 1, 8, 8)
    scene = scene_of(entry, 100.0, 300.0, image, image)
    factor = metres or 1.0
    assert metres_per_unit(entry) == metres and scene.metric == (metres is not None)
    assert scene.span == pytest.approx((100 * factor, 300 * factor))
    assert unit_of(known) == (("cm", pytest.approx(100 * metres)) if metres else ("", 1.0))
    assert metres_per_unit(replace(entry, kind="disparity")) is None


def test_an_image_that_a_network_cannot_take_is_padded(pair):
    class Picky(torch.nn.Module):
        size_multiple = 32

        def forward(self, guide, depth):
            assert guide.shape[-2] % 32 == guide.shape[-1] % 32 == 0
            return bicubic_up(guide, depth)

    (score,) = PROTOCOLS["dkn-bicubic"](Picky(), [pair], 8)
    assert score.ratio == pytest.approx(1, abs=0.01)


def test_bicubic_baseline_on_the_test_scenes_is_the_published_one(shared_data):
    pairs = [load_pair(e) for e in read_manifest(shared_data, "test")]
    scores = PROTOCOLS["dkn-bicubic"](bicubic_up, pairs, 8)
    assert sum(s.rmse for s in scores) / 3 == pytest.approx(3.10, abs=0.02)

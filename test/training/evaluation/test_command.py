"""Comparisons: command line, contestants, results in files, pictures."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch

from depth_sr_ros.models import create_model
from training.__main__ import main
from training.datasets.pairs import Pair, PairEntry, load_pair, read_manifest
from training.datasets.registry import open_dataset
from training.evaluation.comparison import Contestant, _of_network, compare, network_contestant, taking_part
from training.evaluation.pictures import comparison_picture
from training.evaluation.protocols import PROTOCOLS, bicubic_up
from training.evaluation.tables import markdown, write_csv


@pytest.fixture(scope="module")
def report(artifact, data_folder, tmp_path_factory):
    """A run of the shipped network beside two classical methods under two protocols."""
    out = tmp_path_factory.mktemp("report")
    data, methods = ["--data", str(data_folder), "--splits", "test"], ["--classical", "bicubic", "guided filter"]
    protocols = ["--protocols", "dkn-bicubic", "live"]
    assert main(["evaluate", "fdkn_x8", *data, *methods, *protocols, "--out", str(out)]) == 0
    return out


def test_csv_has_a_line_per_method_image_and_protocol(report):
    with (report / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = [(row["protocol"], row["method"], row["image"], row["unit"]) for row in rows]
    methods = ("bicubic", "guided filter", "fdkn_x8")
    assert found == [(p, m, "s4", "levels") for p in ("dkn-bicubic", "live") for m in methods]
    assert all(float(row["rmse"]) > 0 and float(row["seconds"]) > 0 for row in rows)
    bicubic, _, network = (float(row["rmse"]) for row in rows[:3])
    assert network < bicubic


def test_markdown_has_the_same_numbers(report):
    text = (report / "results.md").read_text()
    with (report / "results.csv").open(newline="") as stream:
        rmse = float(next(row for row in csv.DictReader(stream) if row["method"] == "fdkn_x8")["rmse"])
    assert "## layers (test), dkn-bicubic, x8" in text
    assert f"| fdkn_x8 | {rmse:.3f} | {rmse:.3f} |" in text


def test_picture_has_result_and_error_of_every_method(report):
    (path,) = (report / "pictures").glob("dkn-bicubic*s4.png")
    page = cv2.imread(str(path))
    # colour and truth, low resolution and bicubic's error, two methods and their errors
    assert page.shape[1] > 4 * 520
    assert page.shape[0] > 2 * 520 * 144 / 176


def test_picture_of_an_image_without_truth_inside_the_border_says_so(data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    for rows in (4, 0):
        valid = np.zeros_like(pair.valid)
        valid[:rows] = pair.valid[:rows]
        case = replace(PROTOCOLS["dkn-bicubic"].pose(pair, 8), valid=torch.from_numpy(valid[None, None, :144, :176]))
        page = comparison_picture(pair, "dkn-bicubic", case, {"method": case.target})
        assert page.shape[1] > 3 * 520


def test_error_map_is_dark_where_a_method_is_right(data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    case = PROTOCOLS["dkn-bicubic"].pose(pair, 8)
    pages = [
        comparison_picture(pair, "dkn-bicubic", case, {"method": output}).astype(int)
        for output in (case.target, case.target + 50)
    ]
    changed = np.abs(pages[0] - pages[1]).sum(axis=-1) > 0
    lower, upper = changed[changed.shape[0] // 2 :], changed[: changed.shape[0] // 2]
    assert changed[:, : changed.shape[1] // 2].sum() == 0
    assert lower.sum() > 0.5 * 520 * 425 and upper.sum() > 0.5 * 520 * 425


def test_a_network_is_run_at_its_own_scale_only(data_folder):
    pairs = [load_pair(e) for e in read_manifest(data_folder, "test")]
    contestants = [Contestant(f"bicubic_x{scale}", "bicubic", scale, bicubic_up) for scale in (4, 8)]
    results = compare(contestants, pairs, ["dkn-bicubic"], [4, 8])
    assert [(r.method, r.scale) for r in results] == [("bicubic_x4", 4), ("bicubic_x8", 8)]
    assert results[0].measures["rmse"] < results[1].measures["rmse"]


def test_weights_of_a_run_are_named_by_recipe_and_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: fdkn\nscale: 4\n")
    safetensors.torch.save_file(create_model("fdkn", scale=4).state_dict(), tmp_path / "weights.safetensors")
    contestant = network_contestant(f"{tmp_path / 'mine.yaml'}:{tmp_path / 'weights.safetensors'}")
    assert (contestant.name, contestant.key, contestant.scale) == ("mine", "fdkn", 4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--protocols", "x"], "dkn-bicubic"),
        (["--classical", "magic"], "guided filter"),
        (["--images", "s4", "s9"], "no ['s9'] among ['s4']"),
        (["--dataset", "nowhere"], "nyu"),
        (["--dataset", "lu", "--options", "zero=true"], "expected options among ['name', 'zero_is_valid']"),
        (["--options", "zero"], "--options: expected KEY=VALUE, found ['zero']"),
        (["--dataset", "lu:=X"], "--dataset: expected NAME[:SPLIT,...][=FOLDER], found 'lu:=X'"),
        (["--dataset", "lu=X"], "--data: expected a --dataset without a folder of its own"),
        (["--dataset", "manifest:test,dusk"], "no entries for split ['dusk']; it has ['dev', 'test', 'train']"),
        (["--dataset", "nyu:dusk"], "nyu: expected split train or test or all"),
        (["no/such/artifact"], "no/such/artifact"),
        (["r.yaml:nothing.safetensors"], "r.yaml"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_two(data_folder, capsys, arguments, words):
    assert main(["evaluate", "--data", str(data_folder), "--splits", "test", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_images_that_a_protocol_cannot_pose_are_named(tmp_path):
    pair = Pair(
        PairEntry("test", "mine", "tiny", "", tmp_path / "a.png", tmp_path / "b.png", "depth", "m"),
        np.zeros((5, 300, 3), np.uint8), np.ones((5, 300), np.float32) + np.arange(300), np.ones((5, 300), bool),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"mine tiny: expected an image of at least 8x8 pixels, found 300x5"):
        PROTOCOLS["dkn-bicubic"].pose(pair, 8)
    with pytest.raises(ValueError, match=r"dada: expected a scale that divides the side of its tiles, 256 pixels"):
        PROTOCOLS["dada"].pose(pair, 3)


@pytest.fixture(scope="module")
def jiif(tmp_path_factory):
    """A tiny JIIF x8 as the command line names it."""
    folder, options = tmp_path_factory.mktemp("jiif"), {"width": 8, "blocks": 1, "hidden": [16]}
    torch.manual_seed(0)
    (folder / "any.yaml").write_text(f"model: jiif\nscale: 8\nmodel_options: {json.dumps(options)}\n")
    safetensors.torch.save_file(create_model("jiif", scale=8, **options).state_dict(), folder / "weights.safetensors")
    return f"{folder / 'any.yaml'}:{folder / 'weights.safetensors'}"


def test_scale_between_whole_ones_is_for_jiif_and_bicubic(jiif, data_folder, tmp_path, capsys):
    arguments = ["--data", str(data_folder), "--splits", "test", "--scales", "2.5", "--out", str(tmp_path)]
    assert main(["evaluate", jiif, "fdkn_x8", *arguments, "--classical", "bicubic", "guided filter"]) == 0
    said = capsys.readouterr().out
    assert "x2.5: left out are those that cannot take any scale: guided filter, fdkn_x8" in said
    assert "## layers (test), dkn-bicubic, x2.5" in said
    with (tmp_path / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["method"], row["scale"]) for row in rows] == [("bicubic", "2.5"), ("any", "2.5")]
    assert float(rows[0]["rmse"]) > 0 and "lr_mse" not in rows[0]
    assert (tmp_path / "pictures" / "dkn-bicubic_x2.5_layers_s4.png").is_file()


def test_case_between_whole_scales_is_the_whole_image_reduced_by_bicubic(jiif, data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    case = PROTOCOLS["dkn-bicubic"].pose(pair, 2.7)
    assert case.target.shape[-2:] == (150, 180) and case.seen.depth.shape[-2:] == (round(150 / 2.7), round(180 / 2.7))
    bicubic = case.answer(bicubic_up)
    resized = cv2.resize(case.seen.depth[0, 0].numpy(), (180, 150), interpolation=cv2.INTER_LINEAR)
    # bicubic and bilinear agree within a level or two on average; a shifted grid would not
    assert np.abs(bicubic[0, 0].numpy() - (resized * case.span + case.low)).mean() < 2
    network = network_contestant(jiif)
    direct = network.method.upsample(case.guide, case.seen.depth).detach() * case.span + case.low
    (one,) = taking_part([network], 2.7)
    torch.testing.assert_close(case.answer(one.method), direct)


def test_network_of_any_scale_leaves_a_scale_to_weights_made_for_it(jiif):
    x8 = network_contestant(jiif)
    x4 = replace(x8, name="x4", scale=4)
    assert [c.name for c in taking_part([x8, x4], 4)] == ["x4"]
    assert [c.name for c in taking_part([x8], 4)] == ["any"]
    assert [c.name for c in taking_part([x8, Contestant("b", "bicubic", 8, bicubic_up)], 2.5)] == ["any"]


@pytest.fixture
def strided():
    """A tiny JIIF x8 whose guide encoder has a stride of 2, as a contestant."""
    network = create_model("jiif_s", scale=8, width=8, blocks=1, hidden=[8]).eval()
    return _of_network("small", "jiif_s", network, frozenset())


def test_network_with_a_stride_is_padded_at_other_whole_scales_and_left_out_between(strided, data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    odd = replace(pair, rgb=pair.rgb[:68, :68], target=pair.target[:68, :68], valid=pair.valid[:68, :68])
    (result,) = compare([strided], [odd], ["dkn-bicubic"], [4])
    assert result.measures["rmse"] > 0 and result.notes == ()
    assert taking_part([strided], 2.5) == []


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, MemoryError, cv2.error])
def test_one_that_fails_leaves_the_others_their_results(kind, data_folder, tmp_path):
    def failing(guide, depth_lr):
        raise kind("only for squares")

    pairs = [load_pair(entry) for entry in read_manifest(data_folder, "train")[:2]]
    both = [Contestant("bad", "bad", 8, failing), Contestant("bicubic", "bicubic", 8, bicubic_up)]
    results = compare(both, pairs, ["dkn-bicubic"], [8])
    assert [bool(result.measures) for result in results] == [False, True] * 2
    text = markdown(results)
    assert text.count("Note: bad could not be measured on every image, which its means leave out: only for sq") == 1
    assert "| bad |  |  |  |" in text and "nan" not in text
    write_csv(results, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as stream:
        rows = [(row["rmse"] != "", row["seconds"] != "") for row in csv.DictReader(stream)]
    assert rows == [(False, False), (True, True)] * 2
    with pytest.raises(ValueError, match="nothing could be measured; bad .* only for squares"):
        compare(both[:1], pairs, ["dkn-bicubic"], [8])


def test_protocols_for_whole_scales_say_so(data_folder, capsys):
    arguments = ["--data", str(data_folder), "--splits", "test", "--scales", "2.5", "--protocols", "live"]
    assert main(["evaluate", *arguments, "--classical", "bicubic"]) == 2
    assert "expected whole numbers under live, found [2.5]; dkn-bicubic and bridge" in capsys.readouterr().err


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Two discs that stand out by colour, as saliency maps of 0 and 255; sizes are no multiple of 8."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "rgb").mkdir()
    (folder / "map").mkdir()
    y, x = np.mgrid[:100, :130]
    for name, radius in (("a", 30), ("b", 18)):
        disc = (y - 48) ** 2 + (x - 64) ** 2 < radius**2
        colour = np.where(disc[..., None], (200, 80, 60), (50, 90, 160)).astype(np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{name}.jpg"), colour)
        cv2.imwrite(str(folder / "map" / f"{name}.png"), disc.astype(np.uint8) * 255)
    return folder


def test_saliency_maps_are_scored_by_f_measures(artifact, maps, tmp_path):
    data = ["--data", str(maps), "--dataset", "saliency", "--splits", "all", "--protocols", "dkn-saliency"]
    assert main(["evaluate", "fdkn_x8", *data, "--classical", "bicubic", "--out", str(tmp_path)]) == 0
    with (tmp_path / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    scores = {(row["method"], row["image"]): float(row["weighted_f"]) for row in rows}
    assert len(scores) == 4
    for image in "ab":
        assert 0.5 < scores["bicubic", image] < scores["fdkn_x8", image] <= 1
    text = (tmp_path / "results.md").read_text()
    assert "| weighted F-measure | a | b | mean of 2 |" in text and "| F-measure | a | b | mean of 2 |" in text
    assert "RMSE (" not in text
    assert len(list((tmp_path / "pictures").iterdir())) == 2


def test_in_a_saliency_map_zero_counts(maps):
    pair = load_pair(open_dataset("saliency", maps)[0])
    assert pair.valid.all() and pair.target.min() == 0
    case = PROTOCOLS["dkn-saliency"].pose(pair, 8)
    assert case.target.shape[-2:] == (96, 128) and float(case.target.max()) == 1
    perfect = PROTOCOLS["dkn-saliency"].measure(case, case.target * 3 - 1)
    assert perfect["weighted_f"] == pytest.approx(1) and perfect["f"] == pytest.approx(1)
    everywhere = PROTOCOLS["dkn-saliency"].measure(case, torch.ones_like(case.target))
    assert everywhere["weighted_f"] < 0.6

"""Comparisons: command line, tables, the papers' numbers, pictures."""

import csv
import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch

from depth_sr_ros.models import create_model
from training.__main__ import main
from training.comparison import Contestant, Result, _of_network, compare, network_contestant, taking_part
from training.datasets.pairs import Pair, PairEntry, load_pair, read_manifest
from training.datasets.registry import open_dataset
from training.pictures import comparison_picture
from training.protocols import PROTOCOLS, bicubic_up
from training.published import paper_layout, read_published
from training.report import markdown, write_csv

# elsewhere centimetres
UNITS = {"jiif-noisy": "levels", "bridgenet-middlebury": "levels", "dkn-saliency": ""}


def _result(**changes):
    values = {
        "dataset": "nyu", "split": "test", "scene": "1001", "image": "1001", "protocol": "dkn-bicubic", "scale": 8,
        "method": "fdkn_x8", "key": "fdkn", "unit": UNITS.get(changes.get("protocol"), "cm"), "seconds": 0.1,
        "measures": {"rmse": 3.0, "mae": 1.0, "mse": 9.0, "bad": 5.0},
    }  # fmt: skip
    return Result(**{**values, **changes})


def _table(protocol, measure="rmse"):
    return next(t for t in read_published() if (t.protocol, t.measure) == (protocol, measure))


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


def test_published_tables_are_whole_and_belong_to_protocols():
    tables = read_published()
    without = {"noisy-middlebury", "cell-box", "cell-median", "live"}  # as the file says
    assert {t.protocol for t in tables} == set(PROTOCOLS) - without
    falling = set()
    for table in tables:
        assert table.measure in PROTOCOLS[table.protocol].reported
        for key, row in table.rows.items():
            assert set(row) - {"name"} <= set(table.columns), key
            lists = [values for values in row.values() if isinstance(values, list)]
            assert lists, key
            if any(values != sorted(values) for values in lists):
                falling.add((table.source, table.measure, key))
    # an error that falls with the scale would be a slip in copying, but where the papers print one; errors at low
    # resolution are free to fall
    assert {one for one in falling if one[1] != "lr_mse"} == {
        ("JIIF Table 2", "rmse", "DMSG"), ("DADA Tables 1 and 2", "mse", "PixT"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "measure", "key", "column", "scale", "expected"),
    [
        ("dkn-bicubic", "rmse", "fdkn", "nyu", 8, 3.58),
        ("dkn-bicubic", "rmse", "jiif", "lu", 16, 4.16),
        ("djf-nearest", "rmse", "bicubic", "nyu", 4, 8.16),
        ("bridgenet-middlebury", "mae", "bridgenet", "reindeer", 8, 0.31),
        ("dada", "mse", "dada", "nyu", 32, 223),
        ("dada", "mae", "dkn", "sintel", 4, None),
        ("dada", "mae", "guided filter", "diml", 16, 2.74),
        ("dada", "lr_mse", "LGR", "middlebury2005", 32, 0.008),
        ("dkn-bicubic", "rmse", "dkn, depth alone", "lu", 8, 1.83),
        ("dkn-noise", "rmse", "DJF", "nyu", 1, 2.63),
        ("dagf-noise", "rmse", "dagf", "nyu", 16, 7.54),
        ("recorded", "rmse", "dagf", "shark", 4, 9.07),
        ("jiif-noisy", "rmse", "PDN", "books", 8, 2.24),
        ("bridgenet-middlebury", "mae", "CCFN", "laundry", 8, 0.41),
        ("dkn-saliency", "weighted_f", "fdkn", "dut-omron", 8, 0.9606),
        ("dkn-saliency", "f", "dagf", "dut-omron", 8, 0.932),
    ],
)
def test_published_values_are_found(protocol, measure, key, column, scale, expected):
    assert _table(protocol, measure).value(key, column, scale) == expected


def test_images_that_a_protocol_cannot_pose_are_named(tmp_path):
    pair = Pair(
        PairEntry("test", "mine", "tiny", "", tmp_path / "a.png", tmp_path / "b.png", "depth", "m"),
        np.zeros((5, 300, 3), np.uint8), np.ones((5, 300), np.float32) + np.arange(300), np.ones((5, 300), bool),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"mine tiny: expected an image of at least 8x8 pixels, found 300x5"):
        PROTOCOLS["dkn-bicubic"].pose(pair, 8)
    with pytest.raises(ValueError, match=r"dada: expected a scale that divides the side of its tiles, 256 pixels"):
        PROTOCOLS["dada"].pose(pair, 3)


def test_papers_layout_puts_their_number_behind_ours():
    results = [_result(), _result(image="1002", measures={"rmse": 4.0}), _result(scale=4, method="fdkn_x4")]
    lines = paper_layout(_table("dkn-bicubic"), results).splitlines()
    assert lines[2] == "Ours are over NYU v2: 2 of 449 images, split test."
    assert lines[4] == "| method | NYU v2 x4 | NYU v2 x8 |"
    assert "| FDKN | 3.00 (1.86) | 3.50 (3.58) |" in lines
    assert "| DKN | (1.62) | (3.26) |" in lines


def test_two_weights_of_one_network_have_a_row_each():
    results = [_result(), _result(method="fdkn_x8_live", measures={"rmse": 5.0})]
    text = paper_layout(_table("dkn-bicubic"), results)
    assert "| FDKN | 3.00 (3.58) |" in text and "| FDKN (fdkn_live) | 5.00 (3.58) |" in text


def test_papers_layout_takes_only_the_split_of_the_paper():
    assert paper_layout(_table("dkn-bicubic"), [_result(split="train")]) == ""
    measures = {"mse": 5.0}
    reindeer, moebius = (
        _result(dataset=f"middlebury{year}", split=split, image=split, protocol="dada", measures=measures)
        for year, split in (("2005", "test"), ("2005", "val"))
    )
    assert paper_layout(_table("dada", "mse"), [moebius]) == ""
    bowling = _result(dataset="middlebury2006", image="Bowling1", protocol="dada", measures={"mse": 7.0})
    text = paper_layout(_table("dada", "mse"), [reindeer, moebius, bowling])
    assert "Ours are over Middlebury: 2 images, split test." in text
    assert "| FDKN | 6.00 (10.4) |" in text


def test_means_are_spoilt_by_what_is_not_finite_and_not_by_what_was_not_measured(tmp_path):
    full, none = {"rmse": 3.0, "mae": 1.0}, {"rmse": 5.0}
    results = [_result(measures=full), _result(image="b", measures=none)]
    results += [_result(method="bad", measures=full), _result(method="bad", image="b", measures={"rmse": math.nan})]
    text = markdown(results)
    assert "| fdkn_x8 | 3.000 | 5.000 | 4.000 |" in text and "| bad | 3.000 | nan | nan |" in text
    assert "| fdkn_x8 | 4.000 | 1.000 | 0.100 |" in text
    write_csv(results, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as stream:
        assert [(row["rmse"], row["mae"]) for row in csv.DictReader(stream)][1::2] == [("5", ""), ("nan", "")]


def test_papers_layout_is_in_the_papers_unit_and_of_the_scenes_of_its_set():
    books = {"scene": "books", "protocol": "recorded", "scale": 4, "measures": {"rmse": 1.5}}
    text = paper_layout(_table("recorded"), [_result(dataset="tofmark", **books)])
    assert "| FDKN" not in text and "| fdkn_x8 | 15.00 |" in text and "| DAGF | (11.8) |" in text
    assert paper_layout(_table("recorded"), [_result(dataset="middlebury2005", **books)]) == ""
    assert paper_layout(_table("jiif-noisy"), [_result(dataset="tofmark", **books | {"protocol": "jiif-noisy"})]) == ""


def test_error_at_low_resolution_has_the_papers_digits_and_a_squared_unit():
    some = {"dataset": "diml", "protocol": "dada", "measures": {"mse": 6.0, "mae": 0.5, "lr_mse": 0.0014}}
    text = markdown([_result(**some)])
    assert "| low-resolution MSE (cm²) | 1001 | mean of 1 |" in text
    assert "| FDKN | 0.001 (0.2) |" in text and "| FDKN | 6.00 (5.95) |" in text and "| FDKN | 6.00 (6.74) |" in text


@pytest.mark.parametrize(
    ("protocol", "measure", "dataset", "unit", "belongs"),
    [
        ("bridgenet-middlebury", "mae", "middlebury2005", "levels", True),
        ("bridgenet-middlebury", "mae", "middlebury2005_full", "px", True),
        ("bridgenet-middlebury", "mae", "middlebury2005-pixel", "px", False),
        ("bridgenet-middlebury", "mae", "middlebury2005", "cm", False),
        ("dkn-bicubic", "rmse", "lu", "levels", True),
        ("dkn-bicubic", "rmse", "lu", "px", False),
        ("dada", "mse", "diml", "cm", True),
        ("dada", "mse", "diml-lr", "cm", False),
    ],
)
def test_papers_layout_takes_only_what_is_in_the_papers_unit(protocol, measure, dataset, unit, belongs):
    told = {"protocol": protocol, "measures": {measure: 2.5}, "dataset": dataset, "scene": "art", "unit": unit}
    assert ("2.50" in paper_layout(_table(protocol, measure), [_result(**told)])) is belongs


def test_the_scale_is_no_part_of_a_rows_name():
    results = [_result(method="jiif_x16", key="jiif", scale=1, protocol="dkn-noise")]
    assert "| jiif_x16 | 3.00 |" in paper_layout(_table("dkn-noise"), results)


def test_table_of_scenes_has_to_say_of_which_sets():
    with pytest.raises(ValueError, match="JIIF Table 2: expected scenes_of where columns are scenes"):
        replace(_table("jiif-noisy"), scenes_of="")


def test_papers_layout_is_left_out_where_data_or_protocol_are_others():
    assert paper_layout(_table("dkn-bicubic"), [_result(dataset="mine")]) == ""
    assert paper_layout(_table("dkn-bicubic"), [_result(protocol="live")]) == ""
    assert "papers' layout" not in markdown([_result(dataset="mine")])


def test_many_images_are_shown_by_their_mean():
    text = markdown([_result(image=str(n), measures={"rmse": float(n), "mae": 1.0}) for n in range(40)])
    assert "| RMSE (cm) | mean of 40 |" in text and "| fdkn_x8 | 19.500 |" in text


def test_saliency_numbers_have_four_digits():
    results = [_result(dataset="dut-omron", protocol="dkn-saliency", measures={"weighted_f": 0.95})]
    text = paper_layout(_table("dkn-saliency", "weighted_f"), results)
    assert "| method | DUT-OMRON x8 |" in text and "| FDKN | 0.9500 (0.9606) |" in text


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


def test_a_failure_is_told_in_the_papers_layout_too():
    results = [_result(), _result(image="1002", measures={}, seconds=math.nan, notes=("fdkn_x8 could not",))]
    text = paper_layout(_table("dkn-bicubic"), results)
    assert "Note: fdkn_x8 could not." in text and "Ours are over NYU v2: 1 of 449" in text


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

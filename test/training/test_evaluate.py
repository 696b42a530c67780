"""Comparisons: command line, tables, the papers' numbers, pictures."""

import csv

import cv2
import numpy as np
import pytest
import safetensors.torch

from depth_sr_ros.models import create_model
from training.__main__ import main
from training.comparison import Contestant, Result, compare, network_contestant
from training.datasets.pairs import load_pair, read_manifest
from training.pictures import comparison_picture
from training.protocols import PROTOCOLS, bicubic_up
from training.published import paper_layout, read_published
from training.report import markdown


def _result(**changes):
    values = {
        "dataset": "nyu", "split": "test", "scene": "1001", "image": "1001", "protocol": "dkn-bicubic", "scale": 8,
        "method": "fdkn_x8", "key": "fdkn", "unit": "cm", "seconds": 0.1,
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
        (["no/such/artifact"], "no/such/artifact"),
        (["r.yaml:nothing.safetensors"], "r.yaml"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_two(data_folder, capsys, arguments, words):
    assert main(["evaluate", "--data", str(data_folder), "--splits", "test", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_published_tables_are_whole_and_belong_to_protocols():
    tables = read_published()
    assert {t.protocol for t in tables} == {"dkn-bicubic", "djf-nearest", "jiif-noisy", "bridgenet-middlebury", "dada"}
    for table in tables:
        assert table.measure in PROTOCOLS[table.protocol].reported
        for key, row in table.rows.items():
            assert set(row) - {"name"} <= set(table.columns), key
            # an error that falls with the scale would be a slip in copying
            assert all(values == sorted(values) for values in row.values() if isinstance(values, list)), key


@pytest.mark.parametrize(
    ("protocol", "measure", "key", "column", "scale", "expected"),
    [
        ("dkn-bicubic", "rmse", "fdkn", "nyu", 8, 3.58),
        ("dkn-bicubic", "rmse", "jiif", "lu", 16, 4.16),
        ("djf-nearest", "rmse", "bicubic", "nyu", 4, 8.16),
        ("bridgenet-middlebury", "mae", "bridgenet", "reindeer", 8, 0.31),
        ("dada", "mse", "dada", "nyu", 32, 223),
        ("dada", "mae", "dkn", "sintel", 4, None),
    ],
)
def test_published_values_are_found(protocol, measure, key, column, scale, expected):
    assert _table(protocol, measure).value(key, column, scale) == expected


def test_papers_layout_puts_their_number_behind_ours():
    results = [_result(), _result(image="1002", measures={"rmse": 4.0}), _result(scale=4, method="fdkn_x4")]
    lines = paper_layout(_table("dkn-bicubic"), results).splitlines()
    assert lines[2] == "| method | NYU v2 x4 | NYU v2 x8 |"
    assert "| FDKN | 3.00 (1.86) | 3.50 (3.58) |" in lines
    assert "| DKN | (1.62) | (3.26) |" in lines


def test_two_weights_of_one_network_have_a_row_each():
    results = [_result(), _result(method="fdkn_x8_live", measures={"rmse": 5.0})]
    text = paper_layout(_table("dkn-bicubic"), results)
    assert "| FDKN | 3.00 (3.58) |" in text and "| FDKN (fdkn_live) | 5.00 (3.58) |" in text


def test_papers_layout_is_left_out_where_data_or_protocol_are_others():
    assert paper_layout(_table("dkn-bicubic"), [_result(dataset="mine")]) == ""
    assert paper_layout(_table("dkn-bicubic"), [_result(protocol="live")]) == ""
    assert "papers' layout" not in markdown([_result(dataset="mine")])


def test_many_images_are_shown_by_their_mean():
    text = markdown([_result(image=str(n), measures={"rmse": float(n), "mae": 1.0}) for n in range(40)])
    assert "| RMSE (cm) | mean of 40 |" in text and "| fdkn_x8 | 19.500 |" in text

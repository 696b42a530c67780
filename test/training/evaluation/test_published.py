"""Tables of results, and the papers' numbers beside them."""

import csv
import math
from dataclasses import replace

import pytest

from training.evaluation.comparison import Result
from training.evaluation.protocols import PROTOCOLS
from training.evaluation.published import paper_layout, read_published
from training.evaluation.tables import markdown, write_csv

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


def test_a_failure_is_told_in_the_papers_layout_too():
    results = [_result(), _result(image="1002", measures={}, seconds=math.nan, notes=("fdkn_x8 could not",))]
    text = paper_layout(_table("dkn-bicubic"), results)
    assert "Note: fdkn_x8 could not." in text and "Ours are over NYU v2: 1 of 449" in text

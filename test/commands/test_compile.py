"""`depth-sr compile`: plans built ahead of time."""

from __future__ import annotations

import re

import pytest

from depth_sr_ros.commands.main import main
from depth_sr_ros.engines import EngineError, PlanCache, select
from depth_sr_ros.upsampler import Upsampler

LINE = ["compile", "--scale", "8", "--size", "40x32", "--precision", "fp32"]


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if "openvino" in line]


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """A folder with the plan of FDKN x8."""
    folder = tmp_path_factory.mktemp("plans")
    assert main([*LINE, "fdkn_x8", "--cache", str(folder)]) == 0
    return folder


def test_a_built_plan_is_found_the_next_time_and_listed(plans, capsys):
    assert main([*LINE, "fdkn_x8", "--cache", str(plans)]) == 0
    shown = capsys.readouterr().out
    row = table(shown)[0]
    assert row[:5] == ["fdkn_x8", "40x32", "openvino", "fp32", "found"]
    assert float(row[5]) > 0 and float(row[6]) > 1 and float(row[7]) < 1e-4
    assert str(plans) in shown
    assert len(PlanCache(plans).cards()) == 1


def test_an_upsampler_serves_from_it(plans, artifact):
    upsampler = Upsampler(weights=artifact.folder, precision="fp32", engine_cache=plans)
    assert "from its plan" in upsampler.describe().reason
    upsampler.prepare((32, 40), (4, 5))
    upsampler.close()


def test_the_size_of_the_colour_image_is_rounded_up_to_whole_cells(plans, capsys):
    assert main([*LINE, "fdkn_x8", "--cache", str(plans), "--size", "39x26"]) == 0
    assert table(capsys.readouterr().out)[0][1:5] == ["40x32", "openvino", "fp32", "found"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--engine", "abacus"], "--engine: expected one of"),
        (["--engine", "torch"], "torch has no plans"),
        (["--precision", "fp7"], "--precision: openvino offers auto, all, .*fp32"),
        (["fdkn_x8", "--precision", "int8"], "offers auto, all, .* for fdkn_x8 here, found 'int8'.*depth-sr quantise"),
        (["--model", "dinosaur"], "expected one of .*fdkn_x8"),
        (["/nowhere"], "/nowhere"),
        (["--model", "jiif", "--scale", "0"], "expected WEIGHTS or --scale.*needs no plan"),
    ],
)
def test_says_in_one_line_what_cannot_be_built(change, words, tmp_path, capfd):
    assert main([*LINE, "--cache", str(tmp_path), *change]) == 2
    said = capfd.readouterr().err
    assert re.search(words, said) and "Traceback" not in said


def test_a_plan_that_cannot_be_kept_is_reported_and_the_work_incomplete(capfd):
    assert main([*LINE, "fdkn_x8", "--cache", "/proc/nowhere"]) == 1
    said = capfd.readouterr().err
    assert "/proc/nowhere" in said and "Traceback" not in said


@pytest.mark.parametrize("size", ["640", "640x", "0x480", "axb"])
def test_a_wrong_size_is_told_in_words(size, capsys):
    with pytest.raises(SystemExit):
        main(["compile", "--size", size])
    assert f"expected WIDTHxHEIGHT of the colour image, such as 640x480, found '{size}'" in capsys.readouterr().err


def test_says_what_to_install_where_no_engine_has_plans(monkeypatch, capsys):
    def missing(name):
        raise EngineError(f"engine {name}: not installed; pip install {name}")

    monkeypatch.setattr(select, "load_runtime", missing)
    assert main(LINE) == 2
    said = capsys.readouterr().err
    assert "no engine that has plans can be used here" in said and "pip install openvino" in said


def test_a_graph_in_8_bit_integers_that_the_artifact_holds_is_compiled(tmp_path, capsys):
    line = [*LINE, "fdkn_x8_live", "--engine", "openvino", "--cache", str(tmp_path)]
    assert main([*line, "--precision", "int8"]) == 0
    assert table(capsys.readouterr().out)[0][:5] == ["fdkn_x8_live", "40x32", "openvino", "int8", "built"]
    assert [card.key.precision for card in PlanCache(tmp_path).cards()] == ["int8"]


def test_a_plan_that_cannot_be_replaced_is_not_said_to_be_built_anew(plans, capsys, monkeypatch):
    monkeypatch.setattr(PlanCache, "discard", lambda self, key: False)
    assert main([*LINE, "fdkn_x8", "--cache", str(plans), "--rebuild"]) == 1
    shown = capsys.readouterr()
    assert table(shown.out)[0][4] == "failed" and "plans can be replaced" in shown.err

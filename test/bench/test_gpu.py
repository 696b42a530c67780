"""The table of what a GPU measured, and what of the measuring needs none."""

import json

import pytest
import torch

from bench.gpu import _frame, main, measure
from bench.gpu_report import gpu_report, gpu_time, network_of
from depth_sr_ros.artifact import SHIPPED, read_artifact

ABOUT = {
    "name": "G", "torch": "2", "cuda": "13", "date": "today", "rounds": 30, "copy_gb_per_s": 3000.0,
    "gflop_per_s": {"fp16": 500_000.0, "fp32": 50_000.0},
}  # fmt: skip
ROW = {"golden_error": 1e-4, "copies_ms": 0.05, "infer_ms": 0.9, "peak_mib": 280.4, "notes": []}


def _results(artifact, scaling=None, **rows):
    network = {"model": artifact.card.model, "options": dict(artifact.card.options)}
    measured = {"network": network, "gflop": 25.0, "straightforward_ms": 4.0, "rows": rows, "scaling": scaling or {}}
    return {"machine": ABOUT, "fdkn_x8": measured}


def test_ratios_are_those_of_the_same_gpu(artifact):
    text = gpu_report(_results(artifact, fp16={**ROW, "engine_ms": 0.5}))
    assert "500 TFLOP/s in fp16" in text and "copy 3.00 TB/s" in text
    assert "| fdkn_x8 | fp16 | 0.500 | 0.050 | 0.900 | 8.0x | 10% | 280 | 1.0e-04 |" in text
    assert "Time against size" not in text


def test_times_at_other_sizes_have_a_table_of_their_own(artifact):
    scaling = {"320x240": {**ROW, "precision": "fp16", "engine_ms": 0.2}}
    text = gpu_report(_results(artifact, scaling, fp16={**ROW, "engine_ms": 0.5}))
    assert text.endswith("| fdkn_x8 | 320x240 | fp16 | 0.200 | 0.050 | 280 |\n")


def test_what_was_refused_or_noted_is_told(artifact):
    noted = {**ROW, "engine_ms": 0.5, "notes": ["no CUDA graph"]}
    text = gpu_report(_results(artifact, fp16=noted, fp32={"refused": "beyond tolerance"}))
    assert "- fdkn_x8 fp16: no CUDA graph" in text and "- fdkn_x8 fp32: beyond tolerance" in text


def test_the_first_precision_that_serves_stands_for_a_network(artifact):
    results = _results(artifact, fp16={**ROW, "engine_ms": 0.5}, bf16={**ROW, "engine_ms": 0.4})
    assert gpu_time(results, artifact) == (0.5, "fp16")
    results = _results(artifact, fp16={"refused": "why"}, bf16={**ROW, "engine_ms": 0.4})
    assert gpu_time(results, artifact) == (0.4, "bf16")
    assert gpu_time(_results(artifact, fp16={"refused": "why"}), artifact) is None


def test_a_network_is_the_same_whether_defaults_are_written_down(artifact):
    written = network_of("fdkn", artifact.card.options)
    assert "depth_kernels" in written["options"]
    assert network_of("fdkn", {"scale": 8}) == written != network_of("fdkn", {"scale": 4})


def test_what_is_measured_is_kept_and_replaced_when_asked(tmp_path):
    file, count = tmp_path / "gpu.json", iter(range(9))
    jobs = {name: (lambda name=name: {"name": name, "number": next(count)}) for name in ("a", "b")}
    measure({"a": jobs["a"]}, file, {})
    assert [row["number"] for row in measure(jobs, file, {}).values()] == [0, 1]
    assert [row["number"] for row in measure({"b": jobs["b"]}, file, {}, again=True).values()] == [0, 2]
    assert json.loads(file.read_text()) == {"a": {"name": "a", "number": 0}, "b": {"name": "b", "number": 2}}


def test_results_of_another_machine_are_not_added_to(tmp_path):
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps({"machine": {"name": "G", "torch": "2"}}))
    assert measure({}, file, {"name": "G", "torch": "2"})
    with pytest.raises(ValueError, match="expected results of this machine, .*'torch': '3'.*choose another --out"):
        measure({}, file, {"name": "G", "torch": "3"})


def test_a_frame_fits_the_networks_multiple():
    artifact = read_artifact(SHIPPED / "dagf_x8")
    frame = _frame(artifact, (1920, 1080))
    (height, width), multiple = frame["rgb"].shape[:2], artifact.card.size_multiple
    assert (height % multiple, width % multiple) == (0, 0) and 1080 <= height < 1080 + multiple and width == 1920
    assert frame["depth"].shape == (height // 8, width // 8) and frame["depth"].min() == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing where there is no GPU; here is one")
def test_without_a_gpu_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.gpu", "--out", str(tmp_path)])
    assert main() == 1 and "expected an NVIDIA GPU that torch can use" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and torch with CUDA")
def test_on_a_gpu_it_measures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.gpu", "--out", str(tmp_path), "--only", "fdkn_x8", "--rounds", "2"])
    assert main() == 0 and "| fdkn_x8 | fp16 |" in capsys.readouterr().out

"""The page's table of what a GPU measured; measuring itself needs one."""

import torch

from bench.gpu import main
from bench.gpu_report import gpu_report, gpu_time, network_of

ABOUT = {
    "name": "G", "torch": "2", "cuda": "13", "date": "today", "rounds": 30, "copy_gb_per_s": 3000.0,
    "gflop_per_s": {"fp16": 500_000.0, "fp32": 50_000.0},
}  # fmt: skip
ROW = {"golden_error": 1e-4, "copies_ms": 0.05, "infer_ms": 0.9, "peak_mib": 280.4, "notes": []}


def _results(artifact, **rows):
    measured = {"network": network_of(artifact), "gflop": 25.0, "straightforward_ms": 4.0, "rows": rows, "scaling": {}}
    return {"machine": ABOUT, "fdkn_x8": measured}


def test_ratios_are_those_of_the_same_gpu(artifact):
    text = gpu_report(_results(artifact, fp16={**ROW, "engine_ms": 0.5}))
    assert "500 TFLOP/s in fp16" in text and "copy 3.00 TB/s" in text
    assert "| fdkn_x8 | fp16 | 0.500 | 0.050 | 0.900 | 8.0x | 10% | 280 | 1.0e-04 |" in text


def test_what_was_refused_or_noted_is_told(artifact):
    noted = {**ROW, "engine_ms": 0.5, "notes": ["no CUDA graph"]}
    text = gpu_report(_results(artifact, fp16=noted, fp32={"refused": "beyond tolerance"}))
    assert "- fdkn_x8 fp16: no CUDA graph" in text and "- fdkn_x8 fp32: beyond tolerance" in text


def test_the_fastest_precision_stands_for_a_network(artifact):
    results = _results(artifact, fp16={**ROW, "engine_ms": 0.5}, fp32={**ROW, "engine_ms": 1.5})
    assert gpu_time(results, artifact) == (0.5, "fp16")
    assert gpu_time(_results(artifact, fp16={"refused": "why"}), artifact) is None


def test_without_a_gpu_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.gpu", "--out", str(tmp_path), "--only", "fdkn_x8", "--rounds", "2"])
    if torch.cuda.is_available():
        assert main() == 0 and "| fdkn_x8 | fp16 |" in capsys.readouterr().out
    else:
        assert main() == 1 and "expected an NVIDIA GPU that torch can use" in capsys.readouterr().err

"""Choosing an engine."""

import subprocess
import sys

import numpy as np
import pytest

from depth_sr_ros.engines import EngineError, choose_engine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.torch.engine import TorchEngine


def test_automatic_choice_takes_openvino_and_says_why(artifact, no_gpu_engines):
    choice = choose_engine(artifact)
    assert choice.runtime.name == "openvino"
    assert "first in order of preference" in choice.reason and "self-check" in choice.reason


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "torch"])
def test_an_engine_asked_for_by_name_is_taken(engine, artifact):
    choice = choose_engine(artifact, engine=engine, precision="fp32")
    assert (choice.runtime.name, choice.precision) == (engine, "fp32")
    assert "asked for" in choice.reason


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "opnvino"}, r"engine: expected one of \('auto', .*'openvino'.*found 'opnvino'"),
        ({"precision": "fp64"}, r"precision: expected one of .*found 'fp64'"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "onnxruntime: expected precision auto or fp32"),
    ],
)
def test_unknown_settings_name_the_known_ones(settings, words, artifact):
    with pytest.raises(EngineError, match=words):
        choose_engine(artifact, **settings)


def test_a_precision_that_is_refused_makes_way_for_the_engines_next(artifact, monkeypatch, caplog):
    def overflow(self, inputs):
        outputs = run(self, inputs)
        scale = np.float32(np.inf if self.describe().precision == "bf16" else 1)
        return {**outputs, "depth_hr": outputs["depth_hr"] * scale}

    run = TorchEngine._run
    monkeypatch.setattr(TorchEngine, "_run", overflow)
    monkeypatch.setattr(TorchEngine, "precisions", classmethod(lambda cls: ("bf16", "fp32")))
    choice = choose_engine(artifact, engine="torch")
    assert (choice.runtime.name, choice.precision) == ("torch", "fp32")
    assert "after engine torch (bf16) refused" in choice.reason and "fp32 serves" in caplog.text
    with pytest.raises(EngineError, match=r"torch \(bf16\) refused"):
        choose_engine(artifact, engine="torch", precision="bf16")


def test_a_broken_runtime_is_passed_over_loudly(artifact, monkeypatch, caplog, no_gpu_engines):
    def broken(cls):
        raise RuntimeError("no CPU plugin")

    monkeypatch.setattr(OpenVinoEngine, "precisions", classmethod(broken))
    choice = choose_engine(artifact)
    assert choice.runtime.name == "onnxruntime"
    assert "passed over: engine openvino: expected a working installation, found RuntimeError" in choice.reason
    assert "no CPU plugin" in caplog.text
    with pytest.raises(EngineError, match="no CPU plugin.*pip install openvino"):
        choose_engine(artifact, engine="openvino")


def test_torch_is_not_imported_unless_its_engine_is_asked_for():
    script = (
        "import sys; from depth_sr_ros.upsampler import Upsampler; Upsampler(engine='openvino'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

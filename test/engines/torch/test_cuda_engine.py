"""The engine on PyTorch and CUDA; where there is no GPU, everything but the calls into CUDA runs on the CPU."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_on_cpu import OnCpu

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines import EngineError, EngineUnavailable, choose_engine
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.engines.torch.cuda_engine import TorchCudaEngine
from depth_sr_ros.engines.torch.frames import FrameRunner, Packed

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing where there is no GPU; here is one")
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and torch with CUDA")


class Unfused(OnCpu):
    """Without what only runs on a GPU, too."""

    _fused = False


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("name", ["fdkn_x8", "dagf_x8"])
def test_its_graph_reproduces_the_golden_frame(name, precision):
    check = check_engine(Unfused, read_artifact(SHIPPED / name), precision, threads=1)
    assert check.passed
    # half precision is really in use: an engine that ignored it would be exact
    assert (check.error > 1e-5) == (precision == "bf16")


def test_each_frame_gives_its_own_result(artifact):
    fixture = artifact.fixture()
    frame = {name: fixture[name] for name in ("rgb", "depth")}
    farther = {**frame, "depth": frame["depth"] * 2}
    with Unfused(artifact, frame["depth"].shape, "fp32") as engine:
        first, second, third = (engine.infer(f)["depth_hr"] for f in (frame, farther, frame))
    assert np.array_equal(first, third)
    np.testing.assert_allclose(second, first * 2, rtol=1e-4)


def test_arrays_share_one_buffer_and_are_copied_together():
    layout = {"depth": ((3, 5), torch.float32), "rgb": ((6, 10, 3), torch.uint8)}
    source, target = (Packed(layout, torch.device("cpu")) for _ in range(2))
    source["depth"].fill_(1.5)
    source["rgb"].fill_(7)
    assert not target.buffer.any()
    target.copy_from(source)
    assert (target["depth"] == 1.5).all() and (target["rgb"] == 7).all()
    assert target["depth"].dtype == torch.float32 and target["rgb"].shape == (6, 10, 3)
    pointers = [target[name].data_ptr() for name in layout]
    assert all(target.buffer.data_ptr() <= p < target.buffer.data_ptr() + len(target.buffer) for p in pointers)


def test_a_graph_that_fails_makes_an_engine_error(artifact, monkeypatch):
    def fail(self):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(FrameRunner, "_launch", fail)
    with pytest.raises(EngineError, match=r"torch-cuda: cannot build fdkn_x8 for \(18, 24\): CUDA out of memory"):
        Unfused(artifact, (18, 24), "fp32")


@NO_GPU
def test_without_a_gpu_it_says_what_to_change(artifact):
    with pytest.raises(
        EngineUnavailable, match="expected an NVIDIA GPU that torch can use, found .*; .*or choose another `engine`"
    ):
        choose_engine(artifact, engine="torch-cuda")


@NO_GPU
def test_without_a_gpu_automatic_choice_passes_over_it_quietly(artifact, caplog):
    with caplog.at_level(logging.INFO):
        choice = choose_engine(artifact)
    assert choice.runtime.name != "torch-cuda"
    assert choice.reason.count("engine torch-cuda: ") == 1 and "torch-cuda" not in caplog.text


def test_a_missing_driver_is_found_out_without_importing_torch(artifact, monkeypatch):
    def no_library(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("depth_sr_ros.engines.torch.cuda_engine.ctypes.CDLL", no_library)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)  # importing it would fail
    with pytest.raises(EngineUnavailable, match="no driver .libcuda.so.1: cannot open"):
        TorchCudaEngine.precisions()


@NEEDS_GPU
@pytest.mark.parametrize("name", sorted(p.name for p in Path(SHIPPED).iterdir()))
def test_every_precision_reproduces_every_golden_frame(name):
    artifact = read_artifact(SHIPPED / name)
    for precision in TorchCudaEngine.precisions():
        assert check_engine(TorchCudaEngine, artifact, precision, threads=0).passed


@NEEDS_GPU
def test_its_work_is_recorded_and_fused(artifact):
    pytest.importorskip("triton", reason="without triton the kernel networks' end is not one launch")
    with TorchCudaEngine(artifact, (60, 80), "fp16") as engine:
        assert engine.describe().notes == ()


@NEEDS_GPU
def test_without_a_cuda_graph_it_serves_all_the_same_and_says_so(artifact, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("operation not permitted when stream is capturing")

    fixture = artifact.fixture()
    monkeypatch.setattr("torch.cuda.graph", refuse)
    with TorchCudaEngine(artifact, fixture["depth"].shape, "fp32") as engine:
        assert "no CUDA graph" in engine.describe().notes[-1]
        depth = engine.infer({name: fixture[name] for name in ("rgb", "depth")})["depth_hr"]
    assert np.abs(depth - fixture["depth_hr"]).max() < 1e-2


@NEEDS_GPU
def test_the_gpus_clock_tells_copies_from_the_whole(artifact):
    with TorchCudaEngine(artifact, (60, 80), "fp16") as engine:
        whole, copies = engine.device_milliseconds(rounds=5)
    assert len(whole) == len(copies) == 5
    assert 0 < min(copies) < min(whole)


def test_a_device_without_a_clock_is_refused(artifact):
    with Unfused(artifact, (18, 24), "fp32") as engine, pytest.raises(ValueError, match="a CUDA device, found cpu"):
        engine.device_milliseconds(rounds=1)

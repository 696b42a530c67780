"""What is found on a machine, and what is said where something is missing."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from depth_sr_ros.engines import EngineError, EngineMemoryError, choose_engine
from depth_sr_ros.engines.base import EngineUnavailable
from depth_sr_ros.engines.select import load_runtime
from depth_sr_ros.engines.tensorrt import driver
from depth_sr_ros.engines.tensorrt import library as library_module
from depth_sr_ros.engines.tensorrt.build_progress import PhaseShares
from depth_sr_ros.engines.tensorrt.driver import gpu_count, require_gpu
from depth_sr_ros.engines.tensorrt.gpu import Buffer, open_gpu
from depth_sr_ros.engines.tensorrt.library import find_tensorrt
from depth_sr_ros.engines.tensorrt.timing_cache import TimingCache, default_folder


@pytest.fixture
def no_gpu():
    status, count = gpu_count()
    if status == 0 and count:
        pytest.skip("this machine has a GPU; what is said where there is none cannot be seen here")


@pytest.mark.parametrize("ask", [require_gpu, open_gpu, lambda: load_runtime("tensorrt")])
def test_without_a_gpu_says_expected_found_and_what_to_change(no_gpu, ask):
    with pytest.raises(EngineUnavailable, match="expected an NVIDIA GPU and its driver, found .*; install .* choose"):
        ask()


@pytest.mark.parametrize(
    ("status", "count", "words"), [(35, 0, "no driver, or one that is too old"), (100, 0, "found none"), (0, 0, "none")]
)
def test_each_answer_of_the_driver_has_a_sentence(monkeypatch, status, count, words):
    monkeypatch.setattr(driver, "gpu_count", lambda: (status, count))
    with pytest.raises(EngineUnavailable, match=words):
        require_gpu()


def test_the_driver_is_asked_without_any_package():
    """Where cuda.bindings is missing: in an interpreter of its own, for nothing may be loaded twice."""
    script = (
        "import sys; sys.modules['cuda.bindings'] = None\n"
        "from depth_sr_ros.engines.tensorrt.driver import gpu_count\n"
        "print(*gpu_count())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert tuple(map(int, ran.stdout.split())) == gpu_count()


def test_automatic_choice_passes_it_over_quietly_with_one_sentence(no_gpu, artifact, caplog):
    with caplog.at_level(logging.INFO):
        reason = choose_engine(artifact).reason
    assert reason.count("engine tensorrt: expected an NVIDIA GPU") == 1
    assert "tensorrt" not in " ".join(r.message for r in caplog.records if r.levelno >= logging.INFO)
    with pytest.raises(EngineError, match="expected an NVIDIA GPU"):
        choose_engine(artifact, engine="tensorrt")


def test_needs_one_that_has_the_calls_used(monkeypatch):
    old = SimpleNamespace(Builder=SimpleNamespace(build_serialized_network=0), __version__="8.6.1")
    monkeypatch.setattr(library_module.importlib, "import_module", lambda name: old)
    with pytest.raises(ImportError, match=r"tensorrt 8.6.1 lacks OnnxParser.parse, .*; TensorRT 10 or later"):
        find_tensorrt()


def test_a_package_without_its_libraries_counts_as_missing(monkeypatch):
    def broken(name):
        raise RuntimeError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr(library_module.importlib, "import_module", broken)
    with pytest.raises(ImportError, match="tensorrt: libnvinfer.*; tensorrt_rtx: libnvinfer"):
        find_tensorrt()


def test_installed_library_says_what_it_is(library):
    assert library.name in library_module.MODULES and library.version[0].isdigit()
    if library.name == "tensorrt_rtx":
        assert {"SM75", "SM86", "SM120"} <= set(library.other_gpus()) and library.reports_progress


def test_errors_of_the_library_are_kept_for_the_message(library, caplog):
    logger, severity = library.logger(), library.module.ILogger
    with caplog.at_level(logging.DEBUG):
        logger.log(severity.ERROR, "no such layer\n")
        logger.log(severity.WARNING, "slow")
    assert logger.errors == ["no such layer"]
    assert all(record.levelno < logging.WARNING for record in caplog.records)


def test_buffer_is_freed_once():
    freed = []
    buffer = Buffer("depth", 4, 64, lambda: freed.append("depth"))
    buffer.free()
    buffer.free()
    assert freed == ["depth"] and buffer.address == 0


def test_progress_grows_through_phases_inside_each_other():
    shares, seen = PhaseShares(), []

    def note(action, *arguments):
        getattr(shares, action)(*arguments)
        seen.append(round(shares.done, 3))

    note("start", "build", None, 4)
    note("step", "build", 0)
    note("start", "timing", "build", 2)
    note("step", "timing", 0)
    note("step", "timing", 1)
    note("finish", "timing")
    note("step", "build", 1)
    note("start", "late", "unknown", 1)
    note("finish", "build")
    assert seen == [0, 0.25, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 1.0]


class _Config:
    """What a builder's configuration does with a timing cache; refuses what another version wrote."""

    def __init__(self, version):
        self.version, self.cache = version, None

    def create_timing_cache(self, known):
        return SimpleNamespace(known=known, serialize=lambda: self.version + known)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False
        self.cache = cache
        return not cache.known or cache.known.startswith(self.version)


def test_measurements_are_kept_for_the_next_build(tmp_path):
    cache = TimingCache(tmp_path / "timing", {"version": "10.3", "device": "A"})
    cache.keep(cache.open(_Config(b"v1")))
    assert cache.open(_Config(b"v1")).known == b"v1"
    assert [path.name for path in (tmp_path / "timing").iterdir()] == [cache.path.name]


def test_measurements_of_another_version_or_gpu_are_not_used(tmp_path):
    first = TimingCache(tmp_path, {"version": "10.3", "device": "A"})
    first.keep(first.open(_Config(b"v1")))
    assert first.open(_Config(b"v2")).known == b""
    assert TimingCache(tmp_path, {"version": "10.3", "device": "B"}).path != first.path


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = TimingCache(tmp_path / "file", {})
    cache.keep(cache.open(_Config(b"v1")))
    assert cache.open(_Config(b"v1")).known == b""


def test_measurements_lie_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder().is_relative_to(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder().is_absolute()


@pytest.mark.parametrize(("status", "kind"), [(2, EngineMemoryError), (700, EngineError)])
def test_cuda_s_lack_of_memory_is_told_apart_from_its_other_failures(status, kind):
    pytest.importorskip("cuda.bindings.runtime")
    from depth_sr_ros.engines.tensorrt.gpu_bindings import check

    with pytest.raises(EngineError, match=rf"CUDA failed while allocating: {status}") as caught:
        check("allocating", (status,))
    assert type(caught.value) is kind

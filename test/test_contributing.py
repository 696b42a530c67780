"""The guide for contributors is true: its model works by the steps that it names, and its paths and names exist."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.select import ENGINE_NAMES
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.models import create_model, list_models, registry
from depth_sr_ros.ros.parameters import parameter_table
from training.datasets.registry import DATASETS

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()

# what the guide tells a reader to create
NEW_FILES = {"depth_sr_ros/models/toy/toy.py", "test/models/toy/test_toy.py"}


def _code(name: str) -> str:
    found = re.search(rf"<!-- {name}:[^>]*-->\n\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found, f"CONTRIBUTING.md: expected a Python block after the comment `{name}`"
    return found[1]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The toy model, imported as a module of its own; the registry is as before afterwards."""
    folder = tmp_path_factory.mktemp("toy")
    source = folder / "toy.py"
    source.write_text(_code("toy model"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_MODELS", dict(registry._MODELS))
        spec = importlib.util.spec_from_file_location("toy", source)
        assert spec and spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        yield folder
    assert "toy" not in list_models()


@pytest.fixture(scope="module")
def served(toy: Path) -> Iterator[dict[str, Any]]:
    """Names that the guide's second block defines, run in the folder of the toy; the artifact is in `toy_x8` there."""
    scope: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy)
        torch.manual_seed(0)
        exec(_code("toy export"), scope)
        yield scope


def test_toy_model_is_about_forty_lines() -> None:
    assert len(_code("toy model").splitlines()) <= 45


def test_toy_model_registers_itself(toy: Path) -> None:
    assert "toy" in list_models()
    again = create_model("toy", **create_model("toy", scale=4, width=8).options)
    assert again.scale == 4 and again.layers[0].out_channels == 8
    with pytest.raises(ValueError, match="found 0 and 16"):
        create_model("toy", scale=0)


@pytest.mark.parametrize(("scale", "cells"), [(8, (9, 14)), (4, (7, 5))])
def test_toy_model_runs_at_any_size(toy: Path, scale: int, cells: tuple[int, int]) -> None:
    guide, depth = torch.rand(2, 3, cells[0] * scale, cells[1] * scale), torch.rand(2, 1, *cells)
    network = create_model("toy", scale=scale)
    output = network(guide, depth)
    assert output.shape == (2, 1, *guide.shape[-2:])
    output.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_toy_model_passes_the_golden_frame_check(toy: Path, served: dict[str, Any]) -> None:
    artifact = read_artifact(toy / "toy_x8", "toy", 8)
    assert check_engine(OnnxRuntimeEngine, artifact, "fp32", 1).error < 1e-5


def test_toy_model_is_served_by_an_engine(served: dict[str, Any]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (120, 168, 3), dtype=np.uint8)
    depth = np.full((15, 21), 2.0, np.float32)
    depth[:, 10:], depth[3, 3] = 3.0, np.nan
    upsampler = served["upsampler"]
    result = upsampler(rgb, depth)
    assert upsampler.describe().engine == "onnxruntime" and upsampler.describe().model == "toy_x8"
    assert result.depth.shape == (120, 168)
    assert np.isnan(result.depth[24:32, 24:32]).all() and not result.valid[24:32, 24:32].any()
    assert np.nanmin(result.depth) >= 2 and np.nanmax(result.depth) <= 3


def _named(pattern: str) -> list[str]:
    return sorted(set(re.findall(pattern, GUIDE)))


@pytest.mark.parametrize("path", _named(r"[`(]([\w.-]+(?:/[\w.-]*)+|\w+\.(?:md|py|toml))[`)]"))
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists() != (path in NEW_FILES)


@pytest.mark.parametrize("target", _named(r"make ([a-z]+)"))
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("RUNTIMES = {", "depth_sr_ros/engines/select.py"),
        ("INSTALL = {", "depth_sr_ros/engines/select.py"),
        ("FOR_GPU = (", "depth_sr_ros/engines/select.py"),
        ("class PlannedEngine(", "depth_sr_ros/engines/plans/planned.py"),
        ("EXTRAS = {", "setup.py"),
        ("DATASETS: ", "training/datasets/registry.py"),
        ("class PairEntry:", "training/datasets/pairs.py"),
        ("size_multiple: ", "depth_sr_ros/models/base.py"),
    ],
)
def test_every_place_to_register_is_where_the_guide_says(name: str, file: str) -> None:
    word = re.search(r"\w{3,}", name.removeprefix("class "))
    assert word and f"`{word[0]}`" in GUIDE and f"`{file}`" in GUIDE
    assert name in (ROOT / file).read_text()


def test_registered_engines_and_data_sets_include_the_files_to_copy() -> None:
    assert "onnxruntime" in ENGINE_NAMES and {"lu", "folders", "manifest"} <= set(DATASETS)


def test_parameters_and_launch_arguments_of_a_camera_exist() -> None:
    section = GUIDE.partition("## Add a camera")[2].partition("## ")[0]
    sentences = re.findall(r"(?:launch\s+arguments|depend\s+on\s+the\s+camera\s+are)\s+([^.]*)\.", section)
    names = [name for sentence in sentences for name in re.findall(r"`(\w+)`", sentence)]
    launch = (ROOT / "launch" / "sr.launch.py").read_text()
    known = {row.name for row in parameter_table()} | set(re.findall(r'"(\w+)": \("', launch))
    assert len(names) == 9 and set(names) <= known


def test_layout_table_names_every_folder_of_the_package() -> None:
    listed = set(re.findall(r"^\| `depth_sr_ros/(\w+)(?:/|\.py)`", GUIDE, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "depth_sr_ros").glob("*/__init__.py")}
    assert rooms <= listed and "upsampler" in listed

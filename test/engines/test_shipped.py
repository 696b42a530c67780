"""All weights that ship give in both CPU runtimes what they gave in PyTorch when they were exported."""

import pytest

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine


@pytest.mark.parametrize("runtime", [OnnxRuntimeEngine, OpenVinoEngine], ids=lambda runtime: runtime.name)
@pytest.mark.parametrize("name", list_artifacts())
def test_self_check_on_the_golden_frame(name, runtime):
    assert check_engine(runtime, read_artifact(SHIPPED / name), "fp32", 1).error < 1e-5

import numpy as np
import pytest

from depth_sr_ros.engines import CurrentEngine, EngineError, EngineWishes

GRID = (4, 5)


@pytest.fixture
def current():
    current = CurrentEngine(EngineWishes("onnxruntime", "fp32", 1))
    yield current
    current.close()


def test_one_engine_is_kept_for_one_size(current, artifact):
    first = current.at(artifact, GRID)
    assert current.at(artifact, GRID) is first and current.choice(artifact).runtime.name == "onnxruntime"
    second = current.at(artifact, (5, 4))
    assert second is not first
    outputs = second.infer({"rgb": np.zeros((40, 32, 3), np.uint8), "depth": np.ones((5, 4), np.float32)})
    assert outputs["depth_hr"].shape == (40, 32)


def test_closed_it_is_built_anew_when_it_is_needed(current, artifact):
    first = current.at(artifact, GRID)
    current.close()
    current.close()
    assert current.at(artifact, GRID) is not first


def test_without_a_frame_no_plan_is_wanted(current, artifact):
    current.choice(artifact)
    assert current.wanted_plans() == ()
    current.at(artifact, GRID)
    assert current.wanted_plans() == ()  # this engine needs none


def test_wishes_that_cannot_be_met_are_an_error(artifact):
    with pytest.raises(EngineError, match="engine: expected one of"):
        CurrentEngine(EngineWishes("abacus")).choice(artifact)

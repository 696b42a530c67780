"""One contract for all engines: same input, same output, clear errors, closing twice is fine."""

import numpy as np
import pytest
from engine_cases import engine_cases

from depth_sr_ros.engines import EngineError, EngineInputError
from depth_sr_ros.engines.select import ENGINE_NAMES, load_runtime

GRID = (9, 14)
SCALE = 8
# relative to the depth range; float32 engines differ by the order of additions, bfloat16 by its eight bits, half
# precision by its eleven
TOLERANCE = {"fp32": 1e-4, "bf16": 5e-3, "fp16": 2e-3, "int8": 1e-2}


@pytest.fixture(scope="module", params=list(engine_cases()), ids=lambda p: "-".join(p))
def engine(request, artifact):
    name, precision = request.param
    with load_runtime(name)(artifact, GRID, precision, threads=1) as built:
        yield built


@pytest.fixture(scope="module")
def reference(artifact):
    with load_runtime("torch")(artifact, GRID, "fp32") as built:
        return built.infer(_frame())


def _frame():
    rng = np.random.default_rng(5)
    depth = np.where(np.arange(GRID[1]) < 6, 1.0, 2.5) + 0.05 * np.arange(GRID[0])[:, None]
    depth[2:4, 9:11] = 0
    halves = np.where(np.arange(GRID[1] * SCALE) < 50, 40, 180)[None, :, None]
    rgb = rng.integers(0, 30, (GRID[0] * SCALE, GRID[1] * SCALE, 3)) + halves
    return {"rgb": rgb.astype(np.uint8), "depth": depth.astype(np.float32)}


def test_output_agrees_with_torch(engine, reference):
    outputs = engine.infer(_frame())
    assert outputs["depth_hr"].dtype == np.float32 and outputs["valid"].dtype == np.uint8
    error = np.abs(outputs["depth_hr"] - reference["depth_hr"])
    tolerance = TOLERANCE[engine.describe().precision] * 1.9
    assert np.sqrt(np.mean(error**2)) <= tolerance
    assert error.max() <= 20 * tolerance
    assert np.array_equal(outputs["valid"], reference["valid"])


def test_inputs_are_left_alone_and_outputs_belong_to_the_caller(engine):
    frame = _frame()
    for array in frame.values():
        array.setflags(write=False)
    first = engine.infer(frame)
    kept = first["depth_hr"].copy()
    other = _frame()
    other["depth"] += 1
    engine.infer(other)
    assert np.array_equal(first["depth_hr"], kept)


def test_same_input_gives_same_output(engine):
    assert np.array_equal(engine.infer(_frame())["depth_hr"], engine.infer(_frame())["depth_hr"])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("depth", lambda a: a[:-1], r"'depth': expected \(9, 14\) float32, found \(8, 14\)"),
        ("depth", lambda a: a.astype(np.float64), r"'depth': expected \(9, 14\) float32, found .* float64"),
        ("rgb", lambda a: a.astype(np.float32), r"'rgb': expected \(72, 112, 3\) uint8, found .* float32"),
        ("rgb", lambda a: a.tolist(), r"'rgb': expected .* found list"),
    ],
    ids=["depth_shape", "depth_type", "colour_type", "no_array"],
)
def test_wrong_input_says_expected_and_found(engine, name, change, words):
    frame = _frame()
    frame[name] = change(frame[name])
    with pytest.raises(EngineInputError, match=words):
        engine.infer(frame)


def test_missing_input_is_named(engine):
    with pytest.raises(EngineInputError, match=r"expected \['depth', 'rgb'\], found \['rgb'\]"):
        engine.infer({"rgb": _frame()["rgb"]})


def test_describe_tells_what_it_is(engine):
    info = engine.describe()
    assert info.engine in ENGINE_NAMES and info.version and info.device
    assert info.artifact == "fdkn_x8" and info.grid == GRID


@pytest.fixture(params=ENGINE_NAMES[1:])
def runtime(request):
    try:
        found = load_runtime(request.param)
        found.precisions()
    except EngineError as error:
        pytest.skip(str(error))
    return found


def test_closing_twice_is_fine_and_a_closed_engine_says_so(runtime, artifact):
    engine = runtime(artifact, GRID, "fp32")
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(_frame())


def test_precision_that_it_cannot_run_is_refused(runtime, artifact):
    with pytest.raises(EngineError, match="expected precision"):
        runtime(artifact, GRID, "int3")

"""What tells plans apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from depth_sr_ros.artifact import INT8, SHIPPED, Artifact, read_artifact, write_artifact
from depth_sr_ros.engines.openvino.plan import PlannedOpenVinoEngine
from depth_sr_ros.engines.plans.key import PlanKey, plan_key

GRID = (4, 5)


@pytest.fixture(scope="module")
def quantised():
    return read_artifact(SHIPPED / "fdkn_x8_live")


@pytest.fixture(scope="module")
def quantised_again(quantised, tmp_path_factory):
    """The same weights, quantised to another graph."""
    folder = tmp_path_factory.mktemp("again")
    files = [shutil.copy(quantised.folder / name, folder / name) for name in INT8]
    with files[0].open("a") as file:
        file.write("<!-- other frames -->")
    return write_artifact(
        folder / "new", quantised.card, quantised.graph, quantised.weights, quantised.fixture(), files
    )


def digest(artifact, precision):
    return plan_key(PlannedOpenVinoEngine, artifact, GRID, precision).digest


def test_a_plan_of_8_bit_integers_depends_on_the_graph_that_holds_them(quantised, quantised_again):
    assert digest(quantised_again, "int8") != digest(quantised, "int8")


def test_a_plan_of_8_bit_integers_depends_on_what_stays_in_half_precision(quantised):
    partly = Artifact(quantised.folder, replace(quantised.card, half_parts=("depth_branch.features.*",)))
    assert digest(partly, "int8") != digest(quantised, "int8")
    assert digest(partly, "fp16") == digest(quantised, "fp16")
    key = plan_key(PlannedOpenVinoEngine, partly, GRID, "int8")
    assert PlanKey.from_parts(json.loads(json.dumps(key.parts()))) == key


def test_plans_of_float_precisions_do_not(quantised, quantised_again):
    assert digest(quantised_again, "fp32") == digest(quantised, "fp32")

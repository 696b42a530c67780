"""Which precision serves by itself on a CPU, with cards made for it."""

from dataclasses import replace

import pytest
from quantised_by_hand import errors_with

from depth_sr_ros.artifact import INT8, Artifact
from depth_sr_ros.engines.openvino.precision_order import precision_order

BOTH = ("bf16", "fp32")


def _artifact(artifact, costs, eight=True):
    files = {**artifact.card.files, **({INT8[0]: "", INT8[1]: ""} if eight else {})}
    evaluation = errors_with(**costs) if costs is not None else {}
    return Artifact(artifact.folder, replace(artifact.card, evaluation=evaluation, files=files))


@pytest.mark.parametrize(
    ("offered", "fast_bytes", "costs", "expected"),
    [
        (BOTH, True, {"bf16": 0.0, "int8": 0.009}, ("int8", "bf16", "fp32")),
        (BOTH, True, {"bf16": 0.0, "int8": 0.011}, ("bf16", "fp32", "int8")),
        (BOTH, True, {"bf16": 0.02, "int8": 0.005}, ("int8", "fp32", "bf16")),
        (BOTH, True, {"bf16": 0.02, "int8": 0.02}, ("fp32", "bf16", "int8")),
        (BOTH, True, {"bf16": -0.01, "int8": -0.02}, ("int8", "bf16", "fp32")),
        (BOTH, True, {"int8": float("nan")}, ("bf16", "fp32", "int8")),
        (BOTH, False, {"int8": 0.0}, ("bf16", "fp32", "int8")),
        (("fp32",), True, {"int8": 0.0}, ("int8", "fp32")),
        (("fp32",), False, {"int8": 0.0}, ("fp32", "int8")),
        (BOTH, True, None, ("bf16", "fp32", "int8")),
    ],
    ids=[
        "all_close", "int8_too_far", "bf16_too_far", "both_too_far", "both_better", "not_a_number",
        "no_vnni", "no_bf16", "no_bf16_no_vnni", "nothing_measured",
    ],
)  # fmt: skip
def test_the_fastest_that_is_close_comes_first(artifact, offered, fast_bytes, costs, expected):
    assert precision_order(_artifact(artifact, costs), offered, fast_bytes) == expected


def test_no_8_bit_graph_no_int8(artifact):
    assert precision_order(_artifact(artifact, {"int8": 0.0}, eight=False), BOTH, True) == BOTH


def test_an_error_at_edges_counts_as_much_as_one_overall(artifact):
    table = {"fp32": {"mae_mm": 10.0, "edges_mm": 40.0}, "int8": {"mae_mm": 10.0, "edges_mm": 40.5}}
    card = replace(artifact.card, evaluation={"precision_error": table})
    assert card.precision_cost("int8") == pytest.approx(0.0125)
    assert card.precision_cost("bf16") is None


@pytest.mark.parametrize("table", [None, {}, {"fp32": 3}, {"fp32": {"mae_mm": 0, "edges_mm": 0}, "int8": {}}])
def test_a_table_that_cannot_be_read_counts_as_none(artifact, table):
    assert replace(artifact.card, evaluation={"precision_error": table}).precision_cost("int8") is None

"""One declaration, from which node, table and file are made."""

from __future__ import annotations

from dataclasses import fields
from itertools import count

import numpy as np
import pytest
import yaml
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_sr_ros.ros.parameters import (
    NodeParameters,
    declare_parameters,
    motion_of,
    parameter_table,
    parameters_markdown,
    parameters_yaml,
    problem_with,
    unknown_names,
)

NAMES = [f.name for f in fields(NodeParameters)]
_numbers = count()


@pytest.fixture
def make_node(ros):
    nodes = []

    def make(**overrides) -> Node:
        given = [Parameter(name, value=value) for name, value in overrides.items()]
        nodes.append(Node(f"parameters_{next(_numbers)}", parameter_overrides=given, use_global_arguments=False))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def test_defaults_are_what_the_dataclass_says(make_node):
    assert declare_parameters(make_node()) == (NodeParameters(), [])


def test_every_default_is_allowed_and_described():
    for name, value in vars(NodeParameters()).items():
        assert problem_with(name, value) is None
    assert all(row.description for row in parameter_table())


def test_takes_values_from_outside(make_node):
    parameters, problems = declare_parameters(make_node(scale=4, slop=0.1, colormap_range=[1.0, 2.0]))
    assert problems == []
    assert (parameters.scale, parameters.slop_ns, parameters.colormap_range) == (4, 100_000_000, (1.0, 2.0))


def test_takes_a_whole_number_for_a_number(make_node):
    parameters, problems = declare_parameters(make_node(slop=1, colormap_range=[1, 2]))
    assert (parameters.slop, parameters.colormap_range, problems) == (1.0, (1.0, 2.0), [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", "eight"), ("scale", -1), ("scale", 8.0), ("slop", -0.1), ("slop", float("nan")), ("model", 3),
        ("output_encoding", "mono16"), ("input_queue_depth", 11), ("input_queue_depth", 0), ("colormap", 1),
        ("input_reliability", "always"), ("colormap_range", [1.0]), ("colormap_range", [2.0, 1.0]),
        ("colormap_range", 3.0), ("silence_after", 0.0), ("sync_queue_size", True),
        ("depth_to_colour", [0.1, 0.0, 0.0]), ("depth_to_colour", 1.0), ("assume_registered", 1), ("depth_min", -0.5),
    ],
)  # fmt: skip
def test_says_expected_found_and_fix_for_a_bad_value(make_node, name, value):
    parameters, problems = declare_parameters(make_node(**{name: value}))
    assert len(problems) == 1
    assert f"parameter {name}: expected" in problems[0]
    assert f"found {value!r}; change it" in problems[0]
    assert parameters == NodeParameters()


def test_a_motion_is_seven_numbers_with_a_rotation_among_them(make_node):
    given = [-0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    parameters, problems = declare_parameters(make_node(depth_to_colour=given))
    assert problems == [] and parameters.depth_to_colour == tuple(given)
    np.testing.assert_allclose(motion_of(given)[:3], np.c_[np.eye(3), [-0.05, 0, 0]])
    assert motion_of([0.0] * 7) is None
    (problem,) = declare_parameters(make_node(depth_to_colour=[0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]))[1]
    assert "depth_to_colour: expected a rotation" in problem and "quaternion" in problem


def test_proposes_the_nearest_name_for_an_unknown_one(make_node):
    node = make_node(treads=2, silence_afta=1.0)
    declare_parameters(node)
    sentences = unknown_names(node)
    assert ["threads?" in sentences[0], "silence_after?" in sentences[1]] == [True, True]


def test_the_file_holds_every_parameter_at_its_default():
    values = yaml.safe_load(parameters_yaml())["/**"]["ros__parameters"]
    assert list(values) == NAMES
    assert values == {name: list(v) if isinstance(v, tuple) else v for name, v in vars(NodeParameters()).items()}


def test_the_table_has_one_line_per_parameter():
    lines = parameters_markdown().splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == NAMES

"""The parameters that decide on the engine, changed while the node runs."""

from __future__ import annotations

from dataclasses import fields, replace

from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_sr_ros.engine_settings import EngineSettings
from depth_sr_ros.engine_supply import EngineSupply
from depth_sr_ros.ros.parameters import DYNAMIC, problem_with

NAMES = tuple(field.name for field in fields(EngineSettings))


def engine_settings(node: Node) -> EngineSettings:
    """The settings as the node's parameters say now."""
    return EngineSettings(**{name: node.get_parameter(name).value for name in NAMES})


def problem_with_change(node: Node, parameters: list[Parameter]) -> str | None:
    """Why values cannot be taken, as far as that is plain at once; None where they can."""
    for parameter in parameters:
        problem = problem_with(parameter.name, parameter.value) if parameter.name in DYNAMIC else None
        if problem:
            return problem
    changed = changed_settings(node, parameters)
    return changed.problem() if changed else None


def changed_settings(node: Node, parameters: list[Parameter]) -> EngineSettings | None:
    """The settings with some values exchanged; None where none of those decides on the engine."""
    values = {parameter.name: parameter.value for parameter in parameters if parameter.name in NAMES}
    return replace(engine_settings(node), **values) if values else None


def put_back(node: Node, supply: EngineSupply) -> None:
    """Sets the parameters to what is served again, where what they ask for was refused."""
    state = supply.state()
    if state.refused is None or engine_settings(node) != state.refused:
        return  # nothing was refused, or something else has been asked for since
    served = state.settings
    different = [name for name in NAMES if getattr(served, name) != getattr(state.refused, name)]
    node.set_parameters_atomically([Parameter(name, value=getattr(served, name)) for name in different])

"""The parameters that decide on the engine, changed while the node runs, and kept true to what runs."""

from __future__ import annotations

from dataclasses import fields, replace

from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_sr_ros.ros.parameters import DYNAMIC, problem_with
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply

NAMES = tuple(field.name for field in fields(EngineSettings))


class EngineParameters:
    """See the module. Used from the executor's thread only.

    Args:
        node: whose parameters, declared already.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._own_change = False

    def settings(self) -> EngineSettings:
        """The settings as the parameters say now."""
        return EngineSettings(**{name: self._node.get_parameter(name).value for name in NAMES})

    def problem(self, parameters: list[Parameter]) -> str | None:
        """Why values cannot be taken, as far as that is plain at once; None where they can."""
        for parameter in parameters:
            problem = problem_with(parameter.name, parameter.value) if parameter.name in DYNAMIC else None
            if problem:
                return problem
        changed = self._changed(parameters)
        return changed.problem() if changed and not self._own_change else None

    def ask(self, supply: EngineSupply, parameters: list[Parameter]) -> None:
        """Asks for what new values say. `weights` set to the folder it names already is read again."""
        changed = self._changed(parameters)
        if changed and not self._own_change:
            supply.change(changed, reread=any(parameter.name == "weights" for parameter in parameters))

    def put_back(self, supply: EngineSupply) -> None:
        """Sets the parameters to what is served again, where what they ask for was refused."""
        state = supply.state()
        if state.refused is not None and self.settings() == state.refused:  # else something has been asked for since
            self._set(state.settings)

    def roll_back(self, supply: EngineSupply) -> str:
        """Goes back to what ran before, parameters included; says from what to what.

        Raises:
            RollBackRefused: see `EngineSupply.roll_back`.
        """
        old, new = supply.roll_back()
        self._set(new.deployment.settings)
        return f"from {old} back to {new}, between two of the next frames"

    def _set(self, settings: EngineSettings) -> None:
        now = self.settings()
        values = {name: getattr(settings, name) for name in NAMES if getattr(settings, name) != getattr(now, name)}
        if not values:
            return
        self._own_change = True  # it follows the supply, and must not ask it for anything
        try:
            self._node.set_parameters_atomically([Parameter(name, value=value) for name, value in values.items()])
        finally:
            self._own_change = False

    def _changed(self, parameters: list[Parameter]) -> EngineSettings | None:
        """The settings with some values exchanged; None where none of those decides on the engine."""
        values = {parameter.name: parameter.value for parameter in parameters if parameter.name in NAMES}
        return replace(self.settings(), **values) if values else None

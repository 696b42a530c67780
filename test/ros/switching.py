"""What tests of a node need whose engine is changed while frames flow."""

from __future__ import annotations

import signal

from probe import Child, Probe
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from std_srvs.srv import Trigger


def text(value: str) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)


def whole(value: int) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)


def set_values(side: Probe, **values: ParameterValue) -> list:
    request = SetParameters.Request(parameters=[Parameter(name=name, value=value) for name, value in values.items()])
    future = side.client(SetParameters, "depth_sr/set_parameters").call_async(request)
    side.spin_until(future.done, what="set_parameters")
    return future.result().results


def value_of(side: Probe, name: str) -> ParameterValue:
    future = side.client(GetParameters, "depth_sr/get_parameters").call_async(GetParameters.Request(names=[name]))
    side.spin_until(future.done, what="get_parameters")
    return future.result().values[0]


def until_told(side: Probe, key: str, value: str, timeout: float = 90.0) -> dict[str, str]:
    side.spin_until(lambda: side.diagnostics.get(key) == value, timeout, f"{key} = {value}")
    return side.diagnostics


def frames_more(side: Probe, count: int) -> None:
    start = int(side.diagnostics.get("frames_out", 0))
    side.spin_until(lambda: int(side.diagnostics.get("frames_out", 0)) >= start + count, 60, f"{count} more frames")


def assert_nothing_was_lost(side: Probe, driver: Child) -> dict[str, str]:
    """Every pair became a frame or was dropped for a reason that has nothing to do with the swap."""
    driver.stop(signal.SIGKILL)
    side.spin_until(lambda: balance(side.new_report()) == 0, what="the last pair to be published")
    told = side.diagnostics
    dropped = {key for key in told if key.startswith("dropped/")}
    # the first pair may come before its camera_infos
    assert dropped <= {"dropped/replaced_by_newer", "dropped/awaiting_cameras"}, told
    return told


def drops(told: dict[str, str]) -> int:
    """Pairs that became no frame, whatever the reason."""
    return sum(int(value) for key, value in told.items() if key.startswith("dropped/"))


def balance(told: dict[str, str]) -> int:
    """Pairs that are still on their way."""
    return int(told["pairs_in"]) - int(told["frames_out"]) - drops(told)


def roll_back(side: Probe) -> Trigger.Response:
    future = side.client(Trigger, "depth_sr/roll_back").call_async(Trigger.Request())
    side.spin_until(future.done, what="roll_back")
    return future.result()

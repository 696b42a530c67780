"""What docs/cameras.md says of each camera preset, and what the package ships of the measurements behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.cameras.methods import METHODS
from bench.cameras.report import mean_of
from depth_sr_ros.cameras.expected import MethodErrors
from depth_sr_ros.cameras.presets import TOPICS, TRANSFORMS, Preset, find_preset, preset_names
from training.degradation.two_cameras.known_cameras import SENSORS

_SHOWN = ("driver", "served")
_KEYS = ("mae", "edges", "elsewhere", "coverage", "on_driver")


def expected(results: Mapping[str, Any]) -> dict[str, Any]:
    """The content of config/cameras/expected.json: errors by simulated camera, of those that were measured."""
    found: dict[str, Any] = {}
    for name, sensor in SENSORS.items():
        rows = _rows(results, name)
        if rows:
            found[name] = {"title": sensor.title, "ratio": round(sensor.ratio, 3), "methods": rows}
    return found


def presets_markdown(results: Mapping[str, Any]) -> str:
    """A section for each preset."""
    measured = expected(results)
    return "\n".join(_section(find_preset(name), measured) for name in preset_names())


def _rows(results: Mapping[str, Any], camera: str) -> list[dict[str, Any]]:
    means = {METHODS[method][0]: mean_of(results, camera, method) for method in _SHOWN if method in METHODS}
    return [{"title": title, **{key: round(mean[key], 4) for key in _KEYS}} for title, mean in means.items() if mean]


def _section(preset: Preset, measured: Mapping[str, Any]) -> str:
    near, far = preset.depth_range
    topics = ", ".join(f"`{preset.topics[name]}`" for name in TOPICS if name in preset.topics) or "named by you"
    parameters = ", ".join(f"`{name}: {value}`" for name, value in preset.parameters.items())
    assert preset.calibration.depth is not None
    depth, colour = preset.calibration.depth.intrinsics, preset.calibration.colour.intrinsics
    lines = [
        f"### `{preset.name}`: {preset.title}\n",
        f"```\n{preset.driver.launch}\n{preset.launch}\n```\n",
        f"- Driver: `{preset.driver.package}` of {preset.driver.source}.",
        f"- Topics: {topics}.",
        f"- Depth {depth.width}×{depth.height} {preset.depth_encoding}, {near:g} to {far:g} m; colour "
        f"{colour.width}×{colour.height} {preset.colour_encoding}; r = {preset.ratio:.1f}; "
        f"{1000 * preset.baseline:.0f} mm apart.",
        f"- Transform: {TRANSFORMS[preset.transform_from]}. Typical: `{list(preset.depth_to_colour)}`.",
        f"- Parameters: {parameters}.",
        f"- Error of a measured distance ({preset.kind}): {preset.noise}.",
        f"- {_expectation(preset, measured)}",
        *(f"- {note}" for note in preset.notes),
    ]
    return "\n".join(lines) + "\n"


def _expectation(preset: Preset, measured: Mapping[str, Any]) -> str:
    found = measured.get(preset.simulated_as)
    if found is None:
        return "What to expect: not measured."
    methods = "; ".join(str(MethodErrors(**row)) for row in found["methods"])
    return f"What to expect (simulated as {found['title']}, r = {found['ratio']:.1f}): {methods}."

"""The command `depth-sr cameras`: the presets of depth cameras, and one in full."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import TYPE_CHECKING, Any

from depth_sr_ros.command_line import ExitStatus

if TYPE_CHECKING:
    from depth_sr_ros.cameras.presets import Preset

SUMMARY = "list the camera presets, or show one: topics, launch lines, what to expect"
TAKES_ROS_ARGS = False

_WIDTH, _INDENT = 118, 14
_HEADINGS = ("name", "camera", "depth", "colour", "r", "range", "depth topic")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("preset", nargs="?", metavar="NAME", help="preset to show; none lists all")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Prints the presets; unusable where there is none of that name."""
    from depth_sr_ros.cameras.presets import find_preset, preset_names

    presets = [find_preset(name) for name in ([options.preset] if options.preset else preset_names())]
    if options.json:
        print(json.dumps([_plain(preset) for preset in presets], indent=2))
    else:
        print(preset_text(presets[0]) if options.preset else list_text(presets))
    return ExitStatus.DONE


def list_text(presets: list[Preset]) -> str:
    """A table of presets, one a line."""
    rows = [_HEADINGS, *(_row(preset) for preset in presets)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", "r: colour pixels per depth pixel. `depth-sr cameras NAME` shows one in full."])


def preset_text(preset: Preset) -> str:
    """Everything about one preset."""
    parts = [f"{preset.name}: {preset.title} ({preset.kind})", ""]
    parts += [_paragraph(word, text) for word, text in _facts(preset)]
    notes = [textwrap.fill(note, _WIDTH, initial_indent="- ", subsequent_indent="  ") for note in preset.notes]
    return "\n".join([*parts, "", *notes] if notes else parts)


def _facts(preset: Preset) -> list[tuple[str, str]]:
    from depth_sr_ros.cameras.presets import TRANSFORMS

    topics, (near, far) = preset.topics, preset.depth_range
    parameters = ", ".join(f"{name} {value}" for name, value in preset.parameters.items())
    return [
        ("driver", preset.driver.launch),
        ("", f"package {preset.driver.package}, from {preset.driver.source}"),
        ("node", preset.launch),
        ("depth", f"{_depth_mode(preset)}, {preset.unit:g} m a unit, {near:g} to {far:g} m"),
        ("", _topic_words(topics, "depth_image", "depth_info")),
        ("colour", _colour_mode(preset)),
        ("", _topic_words(topics, "rgb_image", "rgb_info")),
        ("geometry", f"{preset.ratio:.1f} colour pixels per depth pixel, {1000 * preset.baseline:.0f} mm apart"),
        ("transform", TRANSFORMS[preset.transform_from]),
        ("", f"typical depth_to_colour: {list(preset.depth_to_colour)}"),
        ("parameters", parameters),
        ("error", preset.noise),
        ("expect", _expectation(preset)),
    ]


def _expectation(preset: Preset) -> str:
    from depth_sr_ros.cameras.expected import expected_errors

    found = expected_errors(preset.simulated_as)
    if found is None:
        return "not measured"
    methods = "; ".join(map(str, found.methods))
    return f"simulated as {found.title}, r = {found.ratio:.1f}, mean absolute error. {methods}"


def _paragraph(word: str, text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"{head:{_INDENT}}{line}" for head, line in zip([word] + [""] * len(lines), lines, strict=False))


def _row(preset: Preset) -> tuple[str, ...]:
    near, far = preset.depth_range
    topic = preset.topics.get("depth_image", "(yours)")
    ratio, limits = f"{preset.ratio:.1f}", f"{near:g}-{far:g} m"
    return preset.name, preset.title, _depth_mode(preset), _colour_mode(preset), ratio, limits, topic


def _depth_mode(preset: Preset) -> str:
    assert preset.calibration.depth is not None
    i = preset.calibration.depth.intrinsics
    return f"{i.width}x{i.height} {preset.depth_encoding}"


def _colour_mode(preset: Preset) -> str:
    i = preset.calibration.colour.intrinsics
    return f"{i.width}x{i.height} {preset.colour_encoding}"


def _topic_words(topics: Any, image: str, info: str) -> str:
    named = [topics[name] for name in (image, info) if name in topics]
    return "on " + ", ".join(named) if named else f"on topics of yours: {image}:=, {info}:="


def _plain(preset: Preset) -> dict[str, Any]:
    assert preset.calibration.depth is not None
    depth, colour = preset.calibration.depth.intrinsics, preset.calibration.colour.intrinsics
    return {
        "name": preset.name, "title": preset.title, "kind": preset.kind, "topics": dict(preset.topics),
        "parameters": dict(preset.parameters), "driver": vars(preset.driver), "launch": preset.launch,
        "depth": {**vars(depth), "encoding": preset.depth_encoding, "unit": preset.unit},
        "colour": {**vars(colour), "encoding": preset.colour_encoding},
        "ratio": preset.ratio, "transform_from": preset.transform_from, "notes": list(preset.notes),
    }  # fmt: skip

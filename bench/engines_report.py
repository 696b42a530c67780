"""The measurement of `bench.engines` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.engine_times import PEER, STRAIGHTFORWARD


def report(results: Mapping[str, Any]) -> str:
    """Tables of everything that was measured.

    Args:
        results: by job, as `bench.engines` keeps them.
    """
    about = results.get("machine")
    lines: list[str] = []
    if about is not None:
        rates = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in about["gflop_per_s"].items())
        lines += [
            f"Machine: {about['name']}, {about['threads']} threads, load {about['load']} before. "
            f"Limits measured here: {rates}; copy {about['copy_gb_per_s']:.0f} GB/s.",
            "",
        ]
    lines += [
        "640x480. `of limit`: the network's arithmetic at the rate of the fastest convolutions, as a share of the "
        "engine's time. `faster`: than plain eager PyTorch of the straightforward form. All timed in turn.",
        "",
        "| artifact | what | engine ms | frame ms | processor ms | faster | of limit | peak memory, MiB |",
        "|" + "---|" * 8,
    ]
    for key, result in results.items():
        if key.endswith("/times"):
            lines += _rows(key.removesuffix("/times"), result)
    lines += _refused(results) + _siblings(results) + _scaling(results)
    return "\n".join(lines) + "\n"


def _refused(results: Mapping[str, Any]) -> list[str]:
    """What did not run and why, each once with the artifacts that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, result in results.items():
        for case in result.get("refused", {}).items() if key.endswith("/times") else ():
            found.setdefault(case, []).append(key.removesuffix("/times"))
    lines = [f"- {name} ({', '.join(artifacts)}): {why}" for (name, why), artifacts in found.items()]
    return ["", "Not run:", "", *lines] if lines else []


def _siblings(results: Mapping[str, Any]) -> list[str]:
    """How much faster small siblings are, by engine and precision."""
    found = [(*key.split("/beside/"), result) for key, result in results.items() if "/beside/" in key]
    if not found:
        return []
    lines = ["", "Small siblings and their networks, whole frames, in turn in one process:", ""]
    lines += ["| sibling | network | what | sibling ms | network ms | faster |", "|" + "---|" * 6]
    for sibling, network, result in found:
        for engine, row in sorted(result["rows"].items(), key=lambda item: float(item[1]["sibling_ms"])):
            small, large = row["sibling_ms"], row["network_ms"]
            lines.append(f"| {sibling} | {network} | {engine} | {small:.1f} | {large:.1f} | {large / small:.2f}x |")
    return lines


def scaling_lines(results: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Megapixels of colour and milliseconds of a frame, by artifact and engine, for a plot."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for key, result in results.items():
        name, _, size = key.partition("/scaling/")
        for engine, row in result["rows"].items() if size else ():
            width, height = map(int, size.split("x"))
            lines.setdefault(f"{name} {engine}", []).append((width * height * 1e-6, row["frame_ms"]))
    return lines


def _rows(artifact: str, result: dict[str, Any]) -> list[str]:
    rows = result["rows"]
    reference = rows.get(STRAIGHTFORWARD, {}).get("frame_ms")
    ordered = sorted(rows, key=lambda name: (name in (STRAIGHTFORWARD, PEER), rows[name]["frame_ms"]))
    lines = [_row(artifact, name, rows[name], reference, _share(name, result)) for name in ordered]
    return lines


def _row(artifact: str, name: str, row: dict[str, Any], reference: float | None, share: float | None) -> str:
    cells = [
        f"{row['engine_ms']:.1f}" if "engine_ms" in row else "",
        f"{row['frame_ms']:.1f}",
        f"{row['processor_ms']:.1f}",
        "" if reference is None else f"{reference / row['frame_ms']:.1f}x",
        "" if share is None else f"{share:.0%}",
        f"{row['peak_mib']:.0f} ({row['before_mib']:.0f} without)" if "peak_mib" in row else "",
    ]
    return f"| {artifact} | {name} | {' | '.join(cells)} |"


def _share(name: str, result: dict[str, Any]) -> float | None:
    """Time that the arithmetic alone would take at the machine's rate, as a share of the engine's."""
    rate = result["gflop_per_s"].get(name.split()[-1])
    if rate is None or "engine_ms" not in result["rows"][name]:
        return None
    return float(result["gflop"] / rate * 1e3 / result["rows"][name]["engine_ms"])


def _scaling(results: Mapping[str, Any]) -> list[str]:
    found = [(*key.split("/scaling/"), result) for key, result in results.items() if "/scaling/" in key]
    if not found:
        return []
    lines = ["", "Time against size, by the engine that serves by itself:", ""]
    lines += ["| artifact | size | engine | frame ms | per megapixel |", "|" + "---|" * 5]
    for name, size, result in found:
        width, height = map(int, size.split("x"))
        for engine, row in result["rows"].items():
            per = row["frame_ms"] / (width * height * 1e-6)
            lines.append(f"| {name} | {size} | {engine} | {row['frame_ms']:.1f} | {per:.0f} ms |")
    return lines

"""The measurement of `bench.gpu` as Markdown, and the time that stands beside each of the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from depth_sr_ros.artifact import Artifact

_HOW = (
    "640x480, `torch-cuda`. *engine*: the network and the rest of the frame graph, by the GPU's clock; *copies*: the "
    "frame in and depth out, by the same; *infer*: a call from Python with both. *faster*: the engine, than plain "
    "eager PyTorch of the straightforward form in float32 on the same GPU. *of limit*: the network's arithmetic at the "
    "rate of the fastest convolutions, as a share of the engine's time. *GPU memory*: the most that was allocated, "
    "also while the algorithms of convolutions were tried. *golden*: RMS error on the artifact's golden frame, as a "
    "share of its depth range."
)


def network_of(artifact: Artifact) -> dict[str, Any]:
    """What decides how long an artifact takes: its model and options, as they stand in JSON. Weights do not count."""
    return {"model": artifact.card.model, "options": dict(artifact.card.options)}


def gpu_report(results: Mapping[str, Any]) -> str:
    """Tables of everything that was measured.

    Args:
        results: by artifact, and `machine`, as `bench.gpu` keeps them.
    """
    about = results["machine"]
    rates = ", ".join(f"{rate * 1e-3:.0f} TFLOP/s in {name}" for name, rate in about["gflop_per_s"].items())
    lines = [
        f"{about['name']}, torch {about['torch']} with CUDA {about['cuda']}, {about['date']}, {about['rounds']} frames "
        f"each. Limits measured there: {rates}; copy {about['copy_gb_per_s'] * 1e-3:.2f} TB/s.",
        "",
        _HOW,
        "",
        "| artifact | precision | engine ms | copies ms | infer ms | faster | of limit | GPU memory, MiB | golden |",
        "|" + "---|" * 9,
    ]
    artifacts = {name: result for name, result in results.items() if name != "machine"}
    for name, result in artifacts.items():
        lines += [_row(name, precision, result, about) for precision in result["rows"]]
    return "\n".join([*lines, *_notes(artifacts), *_scaling(artifacts)]) + "\n"


def gpu_time(results: Mapping[str, Any], artifact: Artifact) -> tuple[float, str] | None:
    """Milliseconds of the engine at 640x480, and the precision, the fastest one, of an artifact of the same network.

    Args:
        results: as `gpu_report` takes them.
        artifact: whose network it is; None is returned where that was not measured.
    """
    for result in results.values():
        if result.get("network") == network_of(artifact):
            times = [(row["engine_ms"], precision) for precision, row in result["rows"].items() if "engine_ms" in row]
            return min(times) if times else None
    return None


def _row(name: str, precision: str, result: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    row = result["rows"][precision]
    if "refused" in row:
        return f"| {name} | {precision} | refused |" + " |" * 6
    spent = row["engine_ms"]
    cells = [
        f"{spent:.3f}",
        f"{row['copies_ms']:.3f}",
        f"{row['infer_ms']:.3f}",
        f"{result['straightforward_ms'] / spent:.1f}x",
        f"{result['gflop'] / about['gflop_per_s'][precision] * 1e3 / spent:.0%}",
        f"{row['peak_mib']:.0f}",
        f"{row['golden_error']:.1e}",
    ]
    return f"| {name} | {precision} | {' | '.join(cells)} |"


def _notes(artifacts: Mapping[str, Any]) -> list[str]:
    """What was refused, and what engines noted."""
    found = [f"- {name} {precision}: {text}" for name, precision, text in _said(artifacts)]
    return ["", *found] if found else []


def _said(artifacts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, result in artifacts.items():
        for precision, row in result["rows"].items():
            for text in (*row.get("notes", ()), *([row["refused"]] if "refused" in row else ())):
                yield name, precision, text


def _scaling(artifacts: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {size} | {row['engine_ms']:.3f} | {row['copies_ms']:.3f} | {row['peak_mib']:.0f} |"
        for name, result in artifacts.items()
        for size, row in result["scaling"].items()
    ]
    head = ["", "Time against size, in fp16:", "", "| artifact | size | engine ms | copies ms | GPU memory, MiB |"]
    return [*head, "|" + "---|" * 5, *rows] if rows else []

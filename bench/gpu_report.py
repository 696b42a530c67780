"""The measurement of `bench.gpu` as Markdown, and the time listed for each model."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import create_model

_HOW = (
    "640x480, `torch-cuda`. *engine*: the network and the rest of the frame graph, by the GPU's clock; *copies*: the "
    "frame in and depth out, by the same; *infer*: a call from Python, which copies both in the host's memory, too. "
    "*faster*: how many times as fast the engine is as plain eager PyTorch of the straightforward form in float32 on "
    "the same GPU. *of limit*: the network's arithmetic at the rate of the fastest convolutions, as a share of the "
    "engine's time. *GPU memory*: the most that PyTorch had allocated, which is while an engine is built and the "
    "algorithms of convolutions are tried; the driver's own comes on top. *golden*: RMS error on the golden frame of "
    "the weights that shipped then, as a share of its depth range."
)


def network_of(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how long a network takes, with the options that were left out: equal for equal networks."""
    return {"model": model, "options": json.loads(_all_options(model, json.dumps(dict(options))))}


@functools.cache
def _all_options(model: str, options: str) -> str:
    return json.dumps(create_model(model, **json.loads(options)).options)


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
    """Milliseconds of the engine at 640x480, in the first precision that serves, for an artifact of the same network.

    Args:
        results: as `gpu_report` takes them.
        artifact: whose network it is; None is returned where that was not measured.
    """
    wanted = network_of(artifact.card.model, artifact.card.options)
    for result in results.values():
        if "network" in result and network_of(**result["network"]) == wanted:
            times = [(row["engine_ms"], precision) for precision, row in result["rows"].items() if "engine_ms" in row]
            return times[0] if times else None
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
    rows = []
    for name, result in artifacts.items():
        for size, row in result["scaling"].items():
            times = f"{row['engine_ms']:.3f} | {row['copies_ms']:.3f}"
            rows.append(f"| {name} | {size} | {row['precision']} | {times} | {row['peak_mib']:.0f} |")
    head = ["", "Time against size:", "", "| artifact | size | precision | engine ms | copies ms | GPU memory, MiB |"]
    return [*head, "|" + "---|" * 6, *rows] if rows else []

"""What the node tells on /diagnostics: three statuses (stream, engine, latency) once a second, in every state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from depth_sr_ros.engines import BuildState
from depth_sr_ros.recordings.pairing import PairingCounters
from depth_sr_ros.ros.conversions import converter_name
from depth_sr_ros.ros.silence import Explanation
from depth_sr_ros.ros.statistics import NodeStatistics
from depth_sr_ros.ros.synchroniser import DEPTH, RGB, synchroniser_name
from depth_sr_ros.serving.deployment import Deployment, Served
from depth_sr_ros.serving.supply_state import SupplyState
from depth_sr_ros.upsampler import UpsamplerInfo


@dataclass(frozen=True)
class Health:
    """The node's condition when a report is made.

    Attributes:
        state: lifecycle state, e.g. "active".
        statistics: counters, rates, durations.
        pairing: what the synchroniser has seen, None while inactive.
        engine: what serves, None while unconfigured.
        supply: what is prepared beside it, None while unconfigured.
        silence: why no frames come, None while they come.
        idle: nobody subscribes to an output.
        notes: sentences about the input.
        problem: why the node could not be configured, empty when it could.
        info_problem: why depth/camera_info is missing or may be wrong, or why little of the image gets depth; empty
            when all is well.
        uncertainty_problem: why a subscriber of depth/uncertainty gets nothing; empty where it does or nobody does.
        unregistered: why depth can neither be taken as registered nor be registered; empty where it can.
    """

    state: str
    statistics: NodeStatistics
    pairing: PairingCounters | None = None
    engine: UpsamplerInfo | None = None
    supply: SupplyState | None = None
    silence: Explanation | None = None
    idle: bool = False
    notes: tuple[str, ...] = field(default=())
    problem: str = ""
    info_problem: str = ""
    uncertainty_problem: str = ""
    unregistered: str = ""


def diagnostics_message(node_name: str, health: Health, stamp: Time, now: float) -> DiagnosticArray:
    """The report.

    Args:
        node_name: fully qualified name of the node.
        health: its condition.
        stamp: ROS time.
        now: monotonic time in seconds, for the rates.
    """
    name = node_name.lstrip("/")
    statuses = [_stream(health, now), _engine(health), _latency(health)]
    for status in statuses:
        status.name = f"{name}: {status.name}"
        status.hardware_id = name
    return DiagnosticArray(header=Header(stamp=stamp), status=statuses)


def _stream(health: Health, now: float) -> DiagnosticStatus:
    statistics = health.statistics
    counts = statistics.counters.snapshot()
    values: dict[str, object] = {"pairs_in": counts.pairs_in, "frames_out": counts.frames_out}
    values |= {f"dropped/{cause}": count for cause, count in sorted(counts.dropped.items())}
    meters = {"rgb": statistics.rgb, "depth": statistics.depth, "output": statistics.output}
    values |= {f"rate/{name}_hz": f"{meter.hz(now):.2f}" for name, meter in meters.items()}
    if health.pairing:
        values |= _pairing(health.pairing)
    distance = statistics.stamp_distance_ms.summary()
    if distance:
        values |= {"stamp_distance_ms/p50": f"{distance.p50:.3f}", "stamp_distance_ms/max": f"{distance.max:.3f}"}
    values |= {"synchroniser": synchroniser_name(), "converter": converter_name(), "state": health.state}
    level, message = _stream_level(health)
    if health.silence:
        values["silence"] = health.silence.cause
    return _status("stream", level, message, values)


def _pairing(pairing: PairingCounters) -> dict[str, object]:
    names = {"rgb": RGB, "depth": DEPTH}
    values: dict[str, object] = {f"received/{name}": pairing.received[stream] for name, stream in names.items()}
    values |= {f"unmatched/{name}": pairing.unmatched[stream] for name, stream in names.items()}
    values["clock_resets"] = pairing.resets
    if pairing.best_distance_ns is not None:
        values["best_stamp_distance_ms"] = f"{pairing.best_distance_ns * 1e-6:.3f}"
    return values


def _stream_level(health: Health) -> tuple[bytes, str]:
    if health.problem:
        return DiagnosticStatus.ERROR, health.problem
    pairs_come = not health.silence or health.silence.cause.startswith("refused/")
    if health.unregistered and pairs_come:
        return DiagnosticStatus.ERROR, health.unregistered
    if health.silence:
        nothing_seen = health.silence.cause == "refused/no_overlap"  # cameras that are not where they are said to be
        return DiagnosticStatus.ERROR if nothing_seen else DiagnosticStatus.WARN, health.silence.sentence
    if health.state != "active":
        return DiagnosticStatus.WARN, f"the node is {health.state}; activate it to get depth"
    if health.info_problem and not health.idle:
        return DiagnosticStatus.WARN, health.info_problem
    return DiagnosticStatus.OK, "idle: nobody subscribes to an output" if health.idle else "running"


def _engine(health: Health) -> DiagnosticStatus:
    if health.engine is None:
        return _status("engine", DiagnosticStatus.WARN, "no engine: the node is not configured", {})
    info = health.engine
    values: dict[str, object] = {
        "model": info.model,
        "engine": info.engine,
        "precision": info.precision,
        "reason": info.reason,
        "device": info.device,
        "weights_id": info.weights_id,
        "notes": " | ".join(health.notes),
        "uncertainty": health.uncertainty_problem,
    }
    level, message = DiagnosticStatus.OK, f"{info.model} on {info.engine}, {info.precision}"
    if health.supply:
        values |= _supply(health.supply)
        if health.supply.doing:
            message += f"; {health.supply.doing}{_progress(health.supply.build)}"
        if health.supply.failure:
            level, message = DiagnosticStatus.WARN, f"{message}; {health.supply.failure}"
    return _status("engine", level, message, values)


def _supply(supply: SupplyState) -> dict[str, object]:
    values: dict[str, object] = {"artifact": _folder(supply.serving.deployment), "since": _clock(supply.serving.since)}
    values |= _previous(supply.previous) | _preparing(supply.preparing)
    values |= {"swaps": supply.swaps, "preparing": supply.doing, "failure": supply.failure}
    if supply.build:
        values |= {"build/step": supply.build.doing, "build/percent": f"{100 * supply.build.share:.0f}"}
        remaining = supply.build.remaining_seconds
        values["build/eta_s"] = "unknown" if remaining is None else f"{remaining:.0f}"
    return values


def _previous(previous: Served | None) -> dict[str, object]:
    info = previous.info if previous else None
    return {
        "previous/model": info.model if info else "",
        "previous/weights_id": info.weights_id if info else "",
        "previous/artifact": _folder(previous.deployment if previous else None),
        "previous/engine": info.engine if info else "",
        "previous/since": _clock(previous.since) if previous else "",
    }


def _preparing(coming: Deployment | None) -> dict[str, object]:
    artifact = coming.artifact if coming else None
    return {
        "preparing/model": artifact.card.name if artifact else str(coming.settings) if coming else "",
        "preparing/weights_id": artifact.weights_id if artifact else "",
        "preparing/artifact": _folder(coming),
    }


def _folder(deployment: Deployment | None) -> object:
    return (deployment.folder if deployment else None) or ""


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def _progress(build: BuildState | None) -> str:
    if build is None:
        return ""
    remaining = build.remaining_seconds
    left = "" if remaining is None else f", about {remaining:.0f} s left"
    return f" ({100 * build.share:.0f} %{left})"


def _latency(health: Health) -> DiagnosticStatus:
    summaries = health.statistics.latency.summaries()
    values: dict[str, object] = {
        f"latency_ms/{stage}/{key}": f"{value:.3f}"
        for stage, summary in summaries.items()
        for key, value in summary._asdict().items()
    }
    total = summaries.get("total")
    message = f"receipt to published: p50 {total.p50:.1f} ms, p95 {total.p95:.1f} ms" if total else "no frame yet"
    return _status("latency", DiagnosticStatus.OK, message, values)


def _status(name: str, level: bytes, message: str, values: dict[str, object]) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)

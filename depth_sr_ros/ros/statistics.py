"""What the node measures about itself; written by executor and inference thread, read by diagnostics."""

from __future__ import annotations

from dataclasses import dataclass, field

from depth_sr_ros.ros.counters import Counters, RateMeter
from depth_sr_ros.ros.latency import LatencyBook, Reservoir
from depth_sr_ros.ros.work_clock import WorkClock


@dataclass
class NodeStatistics:
    """Counters, rates and durations since the node was configured.

    Attributes:
        counters: what became of every pair.
        rgb: arrivals of colour images.
        depth: arrivals of depth images.
        pairs: pairs formed.
        output: frames published.
        work: how long the frame in work and the last published ones take.
        latency: milliseconds per stage.
        stamp_distance_ms: distance of the two stamps of every pair.
    """

    counters: Counters = field(default_factory=Counters)
    rgb: RateMeter = field(default_factory=RateMeter)
    depth: RateMeter = field(default_factory=RateMeter)
    pairs: RateMeter = field(default_factory=RateMeter)
    output: RateMeter = field(default_factory=RateMeter)
    work: WorkClock = field(default_factory=WorkClock)
    latency: LatencyBook = field(default_factory=LatencyBook)
    stamp_distance_ms: Reservoir = field(default_factory=Reservoir)

"""Inference engines behind one interface; each checks itself on the artifact's golden frame before it serves."""

import depth_sr_ros.engines.quiet_runtimes  # noqa: F401  before anything imports a runtime
from depth_sr_ros.engines.base import (
    Arrays,
    Engine,
    EngineError,
    EngineInfo,
    EngineInputError,
    EngineMemoryError,
    EngineUnavailable,
    Precision,
)
from depth_sr_ros.engines.current import CurrentEngine, EngineWishes
from depth_sr_ros.engines.plans.build import PlanRequest
from depth_sr_ros.engines.plans.cache import PlanCache
from depth_sr_ros.engines.plans.process import BuildState, PlanProcess
from depth_sr_ros.engines.select import ENGINE_NAMES, PRECISIONS, EngineChoice, NoPlanError, Refused, choose_engine

__all__ = [
    "ENGINE_NAMES",
    "PRECISIONS",
    "Arrays",
    "BuildState",
    "CurrentEngine",
    "Engine",
    "EngineChoice",
    "EngineError",
    "EngineInfo",
    "EngineInputError",
    "EngineMemoryError",
    "EngineUnavailable",
    "EngineWishes",
    "NoPlanError",
    "PlanCache",
    "PlanProcess",
    "PlanRequest",
    "Precision",
    "Refused",
    "choose_engine",
]

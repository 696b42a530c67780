"""Inference engines behind one interface; each checks itself on the artifact's golden frame before it serves."""

from depth_sr_ros.engines.base import Arrays, Engine, EngineError, EngineInfo, EngineInputError, EngineUnavailable
from depth_sr_ros.engines.select import ENGINE_NAMES, PRECISIONS, EngineChoice, choose_engine

__all__ = [
    "ENGINE_NAMES",
    "PRECISIONS",
    "Arrays",
    "Engine",
    "EngineChoice",
    "EngineError",
    "EngineInfo",
    "EngineInputError",
    "EngineUnavailable",
    "choose_engine",
]

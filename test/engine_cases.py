"""Engines and precisions that a test runs over, those that cannot run here skipped with the reason."""

from collections.abc import Iterator
from typing import Any

import pytest

from depth_sr_ros.engines import EngineError
from depth_sr_ros.engines.select import ENGINE_NAMES, load_runtime


def engine_cases() -> Iterator[Any]:
    """(engine, precision) for every engine that there is."""
    for name in ENGINE_NAMES[1:]:
        try:
            precisions = load_runtime(name).precisions()
        except EngineError as error:
            yield pytest.param((name, "fp32"), marks=pytest.mark.skip(reason=str(error)))
            continue
        yield from ((name, precision) for precision in precisions)

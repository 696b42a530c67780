"""Which precision serves by itself: the fastest whose error, by the artifact's card, is close to that of float32."""

from __future__ import annotations

from collections.abc import Sequence

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Precision

LIMIT = 0.01
"""Share by which the error of a precision that serves by itself may be above that of fp32."""


def precision_order(artifact: Artifact, offered: Sequence[Precision], fast_bytes: bool) -> tuple[Precision, ...]:
    """Precisions for an artifact, the preferred one first.

    First come those within `LIMIT`, from the fastest to fp32. Where a card says nothing of them, those of the machine
    count as close and `int8` does not. Then come those that must be asked for, as a last resort.

    Args:
        artifact: what runs; `int8` is there where it holds such a graph.
        offered: what the machine runs well in floating point, the fastest first, fp32 last.
        fast_bytes: whether 8-bit integers are faster than all of these.
    """
    eight: tuple[Precision, ...] = ("int8",) if artifact.int8_graph else ()
    known = (*eight, *offered) if fast_bytes else (*offered, *eight)
    close = [precision for precision in known if _is_close(artifact, precision, fast_bytes)]
    return (*close, *(precision for precision in (*offered, *eight) if precision not in close))


def _is_close(artifact: Artifact, precision: Precision, fast_bytes: bool) -> bool:
    if precision == "fp32":
        return True
    cost = artifact.card.precision_cost(precision)
    if precision == "int8":
        return fast_bytes and cost is not None and cost <= LIMIT
    return cost is None or cost <= LIMIT

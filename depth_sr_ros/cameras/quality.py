"""How a pixel of a registered image is known."""

NOTHING, FILLED, FOOTPRINT, MEASURED = 0, 1, 2, 3
"""From worst to best: not at all; filled; in a depth pixel's own square, beside a gap; measured, or between measured
pixels on one surface."""

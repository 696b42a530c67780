"""The two frame graphs that an artifact may hold: what goes in, what comes out, and of which sizes.

* `papers`: colour and low-resolution depth with holes, at an integer ratio; depth and its validity come out.
* `live`: a registered frame at one size (colour, start image, near and far hypothesis, quality, see
  `cameras.registration.Registered`); depth and its expected error come out.

An engine is built for a grid, the size of the depth that goes in: low-resolution depth's, or the start image's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

FrameGraphName = Literal["papers", "live"]

ArrayKinds = Mapping[str, tuple[tuple[int, ...], Any]]
"""Shape and numpy type of arrays, by name."""

_BYTES, _FLOATS = np.dtype(np.uint8), np.dtype(np.float32)


@dataclass(frozen=True)
class FrameGraphForm:
    """Inputs and outputs of a frame graph.

    Attributes:
        name: which of the two.
        inputs: numpy types by name, in the graph's order.
        outputs: numpy types by name, in the graph's order.
        depth: the input whose size is the grid.
    """

    name: FrameGraphName
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    depth: str

    def input_kinds(self, grid: tuple[int, int], scale: int) -> ArrayKinds:
        """Shapes and types of the inputs.

        Args:
            grid: (height, width) of the depth that goes in.
            scale: of the card; 0 for `live`.
        """
        rgb = (*self.image_size(grid, scale), 3)
        return {name: (rgb if name == "rgb" else tuple(grid), kind) for name, kind in self.inputs.items()}

    def output_kinds(self, grid: tuple[int, int], scale: int) -> ArrayKinds:
        """Shapes and types of the outputs; arguments as `input_kinds`."""
        return {name: (self.image_size(grid, scale), kind) for name, kind in self.outputs.items()}

    def image_size(self, grid: tuple[int, int], scale: int) -> tuple[int, int]:
        """(height, width) of the colour image and of what comes out; arguments as `input_kinds`."""
        factor = 1 if self.name == "live" else scale
        return grid[0] * factor, grid[1] * factor


PAPERS = FrameGraphForm(
    "papers", {"rgb": _BYTES, "depth": _FLOATS}, {"depth_hr": _FLOATS, "valid": _BYTES}, depth="depth"
)
LIVE = FrameGraphForm(
    "live",
    {"rgb": _BYTES, "start": _FLOATS, "near": _FLOATS, "far": _FLOATS, "quality": _BYTES},
    {"depth_hr": _FLOATS, "expected_error": _FLOATS},
    depth="start",
)


def frame_graph_form(name: str) -> FrameGraphForm:
    """The form of a name.

    Raises:
        ValueError: no such frame graph.
    """
    forms = {form.name: form for form in (PAPERS, LIVE)}
    if name not in forms:
        raise ValueError(f"frame_graph: expected one of {get_args(FrameGraphName)}, found {name!r}")
    return forms[name]  # type: ignore[index]

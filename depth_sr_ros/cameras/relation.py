"""Whether depth is registered to colour: decided here, by matrices, sizes, distortion, frames and names together.

The cameras speak first. Where both are known, a depth pixel's ray must lie on the colour pixel that covers the same
part of the image; then depth is registered, unless the cameras are known to stand apart. Where one of them is not
known, frames and names decide, and sizes must fit. What is left is unknown, and not to be served as if registered.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.grids import Size, same_aspect
from depth_sr_ros.cameras.transforms import Matrix

Kind = Literal["registered", "unregistered", "unknown"]

THREE_WAYS = (
    "say how the depth camera stands to the colour camera: publish or record /tf_static with the camera_info of both, "
    "or give depth_to_colour (x y z qx qy qz qw), or a calibration.json, which `depth-sr replay` hands to the node; "
    "where depth is registered in spite of this, set assume_registered"
)
"""What to do about depth that is not registered and cannot be."""

REGISTERED_NAMES = ("aligned", "registered", "depth_to_rgb", "depth_to_color")
"""Words in a topic's name that say that its depth is registered to colour, whatever its frame is called."""
_UNREGISTERED = re.compile(r"(un|non|(?<![a-z])(un|non|not)[-_])(aligned|registered)")

_TRIED = 17  # pixels per row and column that two cameras are compared by
_STILL_M, _STILL_RAD = 1e-3, 2e-3  # below, two cameras stand in the same place


@dataclass(frozen=True)
class Evidence:
    """What is known of a colour and a depth stream.

    Attributes:
        colour_size: (height, width) of the colour images; None where it is not known yet.
        depth_size: of the depth images.
        colour: the colour camera, as its camera_info says.
        depth: the depth images' camera by a camera_info of their own; None where there is none.
        colour_problem: why there is no colour camera, where something was there; empty otherwise.
        depth_problem: likewise.
        frames: names of the colour and depth images' optical frames, where both have some.
        depth_to_colour: (4, 4), takes points in metres from the depth camera's frame to the colour camera's.
        extrinsics_source: where that comes from, such as `/tf_static`; or, where it is None, what was found instead.
        named_registered: the name of the topic or folder says that depth is registered.
    """

    colour_size: Size | None = None
    depth_size: Size | None = None
    colour: Camera | None = None
    depth: Camera | None = None
    colour_problem: str = ""
    depth_problem: str = ""
    frames: tuple[str, str] | None = None
    depth_to_colour: Matrix | None = None
    extrinsics_source: str = ""
    named_registered: bool = False

    @classmethod
    def of(cls, calibration: Calibration) -> Evidence:
        """What a calibration says."""
        colour, depth = calibration.colour, calibration.depth
        return cls(
            colour.size, depth.size if depth else None, colour, depth, depth_to_colour=calibration.depth_to_colour,
            extrinsics_source="the calibration",
        )  # fmt: skip

    @property
    def same_frame(self) -> bool | None:
        """Whether both images say that they lie in the same frame; None where they say nothing."""
        if self.frames is None:
            return None
        colour, depth = (name.removeprefix("/") for name in self.frames)  # frames of ROS 1 may begin with a slash
        return colour == depth


@dataclass(frozen=True)
class Relation:
    """How depth lies to colour.

    Attributes:
        kind: `registered` lies on the colour image's view; `unregistered` can be registered by `calibration`;
            `unknown` is not to be served.
        reason: one sentence; of an unknown relation, what was expected, what was found and what to change.
        calibration: of unregistered depth.
        cause: of an unknown relation, under which frames are counted: `unregistered`, or `size` where a camera_info
            belongs to images of another size; see `errors.FrameError`.
        open: what was not there might still decide otherwise: cameras, or transforms between frames that differ.
    """

    kind: Kind
    reason: str
    calibration: Calibration | None = None
    cause: str = "unregistered"
    open: bool = False


def relate(found: Evidence, assume_registered: bool = False) -> Relation:
    """Decides how depth lies to colour.

    Args:
        found: what is known.
        assume_registered: take depth as registered, whatever is found.
    """
    if assume_registered:
        return Relation("registered", "depth is taken as registered to colour, as asked")
    if problem := _wrong_size(found):
        return replace(_unknown(problem), cause="size")
    if found.colour is None or found.depth is None:
        return replace(_without_cameras(found), open=True)
    relation = _by_cameras(found, found.colour, found.depth)
    told = found.depth_to_colour is not None or found.named_registered or found.same_frame is not False
    return relation if told else replace(relation, open=True)


def named_registered(topic: str) -> bool:
    """Whether a topic's or folder's name says that its depth is registered: not `unregistered`."""
    return any(word in _UNREGISTERED.sub("", topic) for word in REGISTERED_NAMES)


def view_difference(depth: Camera, colour: Camera) -> float:
    """How far from registered two cameras in the same place are.

    Returns:
        The largest distance, in colour pixels, between where the colour camera sees what a depth pixel sees and where
        a registered depth pixel would lie; infinite where one sees what the other cannot.
    """
    height, width = depth.size
    x, y = np.meshgrid(np.linspace(0, width - 1, _TRIED), np.linspace(0, height - 1, _TRIED))
    pixels = np.stack([x, y], axis=-1)
    rays = depth.directions(pixels)
    seen = colour.project(np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1))
    scale = np.array([colour.intrinsics.width / width, colour.intrinsics.height / height])
    apart = np.linalg.norm(seen - ((pixels + 0.5) * scale - 0.5), axis=-1)
    # beyond a lens's reach neither sees anything, which is no difference
    return float(np.nanmax(apart)) if np.isfinite(apart).mean() > 0.5 else math.inf


def baseline(matrix: Matrix) -> float:
    """Distance between two cameras, metres."""
    return math.hypot(*matrix[:3, 3])


def _by_cameras(found: Evidence, colour: Camera, depth: Camera) -> Relation:
    apart, matrix = view_difference(depth, colour), found.depth_to_colour
    alike = apart <= _tolerance(depth, colour)
    if alike and (matrix is None or not _moved(matrix)):
        return Relation("registered", "depth is registered to colour: both cameras have the same view")
    if alike and found.named_registered:
        return Relation(
            "registered", f"{_in_frames(found)} is registered by its topic's name, and both cameras have the same view"
        )
    if matrix is None and found.named_registered and found.same_frame:
        # a driver's aligned depth for another colour mode: the same place, another part of the view
        matrix = np.eye(4)
    if matrix is not None:
        source = found.extrinsics_source or "the calibration"
        told = _told(colour, depth, matrix)
        reason = f"{_in_frames(found)} is not registered to colour; it is registered by {source}: {told}"
        return Relation("unregistered", reason, Calibration(colour, depth, matrix))
    by_frames = " although their frames are the same" if found.same_frame else ""
    differ = "all of the image" if math.isinf(apart) else f"up to {apart:.0f} colour pixels"
    return _unknown(
        f"expected depth registered to colour, or to know where its camera stands; {_in_frames(found)} is not "
        f"registered: the cameras' views differ by {differ}{by_frames}{_no_extrinsics(found)}"
    )


def _without_cameras(found: Evidence) -> Relation:
    problems = " ".join(p for p in (found.colour_problem, found.depth_problem) if p)
    sizes = found.colour_size, found.depth_size
    fits = sizes[0] is None or sizes[1] is None or same_aspect(sizes[0], sizes[1])
    if found.named_registered and fits:
        return Relation("registered", f"{_in_frames(found)} is registered to colour by its topic's name")
    if problems:
        return _unknown(f"{problems} Without it nothing tells whether depth is registered")
    if found.depth_to_colour is not None:
        return _unknown(_missing_camera(found))
    if found.same_frame is False:
        return _unknown(f"expected depth registered to colour; {_in_frames(found)} is not{_no_extrinsics(found)}")
    if not fits and sizes[0] and sizes[1]:
        return _unknown(
            f"expected depth registered to colour, found depth {sizes[1][1]}x{sizes[1][0]} and colour "
            f"{sizes[0][1]}x{sizes[0][0]}, which have different aspect ratios"
        )
    told = "it lies in its frame" if found.same_frame else "nothing says otherwise"
    return Relation("registered", f"depth is taken as registered to colour: {told}")


def _missing_camera(found: Evidence) -> str:
    missing = "colour" if found.colour is None else "depth"
    option = "--rgb-info" if missing == "colour" else "--depth-info"
    return (
        f"{_in_frames(found)} has to be registered to colour: expected a camera_info of both, found none for "
        f"{missing}; publish or record it, name its topic ({option}, or a remapping of the node), or give a "
        "calibration.json with both cameras"
    )


def _wrong_size(found: Evidence) -> str:
    """What is wrong with a camera_info that belongs to images of another size."""
    for stream, camera, size in (
        ("colour", found.colour, found.colour_size),
        ("depth", found.depth, found.depth_size),
    ):
        if camera is not None and size is not None and camera.size != tuple(size):
            return (
                f"{stream}: expected a camera_info of the image's size, {size[1]}x{size[0]}, found one of "
                f"{camera.intrinsics.width}x{camera.intrinsics.height}; record or give that of the images as they are"
            )
    return ""


def _tolerance(depth: Camera, colour: Camera) -> float:
    """Colour pixels that registered images may be apart: half a depth pixel, which conventions differ by."""
    ratio = math.sqrt((colour.size[0] / depth.size[0]) * (colour.size[1] / depth.size[1]))
    return max(1.0, ratio / 2)


def _moved(matrix: NDArray[np.float64]) -> bool:
    turn = math.acos(min(1.0, max(-1.0, (float(np.trace(matrix[:3, :3])) - 1) / 2)))
    return baseline(matrix) > _STILL_M or turn > _STILL_RAD


def _told(colour: Camera, depth: Camera, matrix: Matrix) -> str:
    small, large = depth.intrinsics, colour.intrinsics
    ratio = math.sqrt(large.fx * large.fy / (small.fx * small.fy))
    return (
        f"{small.width}x{small.height} for colour {large.width}x{large.height}, {ratio:.2f} colour pixels per depth "
        f"pixel, baseline {baseline(matrix) * 1e3:.0f} mm"
    )


def _in_frames(found: Evidence) -> str:
    if found.frames is None or found.same_frame:
        return "depth"
    return f"depth in frame {found.frames[1]!r} and colour in {found.frames[0]!r}: depth"


def _no_extrinsics(found: Evidence) -> str:
    if found.frames is None or found.same_frame:
        return ""
    return f"; expected transforms between them on /tf_static, found {found.extrinsics_source or 'no transforms'}"


def _unknown(problem: str) -> Relation:
    return Relation("unknown", f"{problem}; {THREE_WAYS}", open=True)

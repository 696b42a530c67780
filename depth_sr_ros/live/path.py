"""The live path: a frame of a camera, registered or not, to depth at the colour image's size. Any ratio is served.

    path = LivePath(RegistrationOptions(depth_max=8.0))
    depth = path(rgb, raw, calibration).depth

Registration gives a start image, its quality and two hypotheses, a filter smooths the start image, and where live
weights are given, a network goes on from there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.depth import within_range
from depth_sr_ros.cameras.grids import Size, check_sizes
from depth_sr_ros.cameras.own_grid import OwnGrid, OwnGrids
from depth_sr_ros.cameras.registration import FOOTPRINT, Registration, RegistrationOptions
from depth_sr_ros.cameras.registrations import Registrations
from depth_sr_ros.cameras.relation import baseline
from depth_sr_ros.live.guided import NAME, filtered
from depth_sr_ros.live.hypotheses import for_network
from depth_sr_ros.live.network import LiveNetworkFilter

_KINDS = {
    "dense": "a measurement at every pixel",
    "dots": "a dot per measurement, taken to a grid of {0}x{1}",
    "repeated": "measurements that are repeated, of a grid of {0}x{1}",
}


@dataclass(frozen=True)
class LiveDepth:
    """What the live path makes of a frame.

    Attributes:
        depth: (H, W) float32 metres, finite everywhere.
        quality: (H, W) uint8, how each pixel is known; see `cameras.registration.Registered`.
        valid: (H, W) bool: measured, or within a measured pixel's own square.
        beyond_range: measured depth pixels that `depth_min` and `depth_max` leave out.
        milliseconds: of registration, and of filter and network.
        expected_error: (H, W) float32 metres, mean absolute error that the network expects of each pixel; None from
            the filter, which does not know.
    """

    depth: NDArray[np.float32]
    quality: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    beyond_range: int
    milliseconds: tuple[float, float]
    expected_error: NDArray[np.float32] | None = None


class LivePath:
    """Serves a stream of frames. Used from one thread at a time.

    Args:
        options: range, and what hangs together. Holes are filled in any case, which `valid` marks, and mixed pixels
            assigned to a surface.
        network: makes depth of what the filter leaves; None leaves it at that.
    """

    def __init__(self, options: RegistrationOptions | None = None, network: LiveNetworkFilter | None = None) -> None:
        self.network = network
        self._options = replace(options or RegistrationOptions(), fill=True, assign_mixed=True)
        self._registrations = Registrations(self._options)
        self._grids = OwnGrids()
        self._notes: dict[tuple[Size, Size], tuple[Calibration | None, str]] = {}

    def __call__(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        cameras: Calibration | None = None,
        colour_camera: Camera | None = None,
        any_aspect: bool = False,
    ) -> LiveDepth:
        """Serves one frame.

        Args:
            rgb: (H, W, 3) uint8.
            depth: (h, w) float32 metres, NaN where invalid.
            cameras: of depth that is not registered; None for registered depth.
            colour_camera: of registered depth, where it is known.
            any_aspect: take registered depth to cover the colour image's view even where its aspect ratio differs.

        Raises:
            FrameError: this frame cannot be used.
            ValueError: the cameras cannot be used.
            EngineError: the network's engine failed.
        """
        begun = time.perf_counter()
        colour_size, depth_size = (rgb.shape[0], rgb.shape[1]), (depth.shape[0], depth.shape[1])
        if cameras is not None:
            registration = self.registration(cameras)
            sentence = _told(registration)
            beyond = 0  # registration leaves it out, and counts it
        else:
            if not any_aspect:
                check_sizes(colour_size, depth_size)
            # before anything else: what does not count neither tells of a grid nor stands for its neighbours
            inside, beyond = within_range(depth, self._options.depth_min, self._options.depth_max)
            if beyond and not np.isfinite(inside).any():
                beyond = 0  # registration says so, and counts
            else:
                depth = inside
            grid = self._grids.of(depth) if depth_size == colour_size else OwnGrid("dense", depth_size)
            depth = grid.take(depth)
            registration = self._registrations.identity(grid.size, colour_size, colour_camera)
            found = _KINDS[grid.kind].format(grid.size[1], grid.size[0])
            sentence = (
                f"depth {_wide(depth_size)} for colour {_wide(colour_size)}: registered, {found}, "
                f"{registration.ratio:.2f} colour pixels per depth pixel"
            )
        registered = registration(depth)
        ready = time.perf_counter()
        result = filtered(rgb, registered, max(1.0, registration.ratio))
        error: NDArray[np.float32] | None = None
        if self.network is not None:
            result, error = self.network(rgb, for_network(registered, result))
        sizes, by = (colour_size, depth_size), NAME if self.network is None else self.network.name
        if sizes not in self._notes or self._notes[sizes][0] != cameras:
            self._notes[sizes] = cameras, f"{sentence}; covers {registered.coverage:.0%} of the image; {by}"
        times = (ready - begun) * 1e3, (time.perf_counter() - ready) * 1e3
        valid = registered.quality >= FOOTPRINT
        return LiveDepth(result, registered.quality, valid, beyond + registered.beyond_range, times, error)

    def registration(self, cameras: Calibration) -> Registration:
        """The registration of depth that is not registered, made ready.

        Raises:
            ValueError: the cameras cannot be used.
        """
        return self._registrations.between(cameras)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per combination of sizes met so far: what was found and what is done."""
        return tuple(note for _, note in self._notes.values())


def _told(registration: Registration) -> str:
    sizes = registration.depth_camera.size, registration.colour_camera.size
    return (
        f"depth {_wide(sizes[0])} for colour {_wide(sizes[1])}: registered here, "
        f"{baseline(registration.depth_to_colour) * 1e3:.0f} mm beside colour, {registration.ratio:.2f} colour "
        "pixels per depth pixel"
    )


def _wide(size: Size) -> str:
    return f"{size[1]}x{size[0]}"

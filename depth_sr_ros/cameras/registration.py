"""Registers the depth camera's image to the colour camera: dense, on the raw colour image's pixels.

Each depth pixel's ray, with its lens's distortion taken out, times its depth is a point; moved to the colour camera
and projected through the lens of that, it has a place in the colour image. Between points that hang together, depth is
interpolated; beside gaps each depth pixel covers its own square; the nearest of what meets in a pixel wins. What a
parallax uncovers is filled from behind. The kernels are, in this order, in `placing`, `joining`, `patches`, `surfaces`,
`composing`, `filling` (with `parallax` and `interpolation`) and `hypotheses`.

    registration = Registration(calibration.depth, calibration.colour, calibration.depth_to_colour)
    registered = registration(depth)            # (h, w) float32 metres -> start image, quality, hypotheses

Depth that is registered already, but coarser, takes the same way: `Registration.identity(depth_size, colour_size)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.bands import in_bands
from depth_sr_ros.cameras.calibration import check_rigid
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.composing import compose, take
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.filling import TILE, fill, find_nearest, find_rows
from depth_sr_ros.cameras.hypotheses import decide
from depth_sr_ros.cameras.joining import join
from depth_sr_ros.cameras.mixed import assign_mixed, cut_shares
from depth_sr_ros.cameras.parallax import Parallax
from depth_sr_ros.cameras.patches import PATCH, cut_patches, draw_patches
from depth_sr_ros.cameras.placing import Limits, place
from depth_sr_ros.cameras.quality import FILLED, FOOTPRINT, MEASURED, NOTHING
from depth_sr_ros.cameras.registered import Registered, RegistrationOptions
from depth_sr_ros.cameras.surfaces import draw_surfaces
from depth_sr_ros.cameras.views import check_overlap, parallax_field, turned_corners, turned_rays, view_of

__all__ = ["FILLED", "FOOTPRINT", "MEASURED", "NOTHING", "Registered", "Registration", "RegistrationOptions", "warm_up"]

Size = tuple[int, int]
_Floats = NDArray[np.float32]

_TRIED_DEPTHS = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0)  # metres at which the views are asked whether they overlap
_LEAST_DEPTH = 1e-4  # metres
_FILLED_SLANT = 1.0  # slope of the steepest surface that is seen across a hole
_WINDOW = 1.0  # how far hypotheses look, in depth pixels
_LARGEST = 2**15 - 1  # rows and columns are kept in 16 bits
_LEAST_BAND = 2**15  # pixels that are worth a thread


def warm_up() -> None:
    """Compiles everything, or reads what was compiled, so that no frame has to wait for it; see `compiled`."""
    camera, beside = Camera(Intrinsics(4, 4, 4.0, 4.0, 1.5, 1.5)), np.eye(4)
    beside[0, 3] = 0.3
    flat = np.ones((4, 4), np.float32)
    flat[1, 1] = np.nan
    options = RegistrationOptions(assign_mixed=True)
    for to_colour in (np.eye(4), beside):
        Registration(camera, camera, to_colour, options)(flat)


class Registration:
    """Registers images of one depth camera to one colour camera. Tables and buffers are made once.

    One image at a time: a second thread needs a registration of its own. The first call of a process compiles, or reads
    what was compiled; call `warm_up` before.

    Args:
        depth_camera: of the images that come.
        colour_camera: whose view and size come out.
        depth_to_colour: (4, 4), takes points in metres from the depth camera's optical frame (x right, y down, z
            forward) to the colour camera's; None where both are in the same place.
        options: how.

    Attributes:
        threads: how many it uses.

    Raises:
        ValueError: no rigid motion, or cameras that see nothing in common.
    """

    def __init__(
        self,
        depth_camera: Camera,
        colour_camera: Camera,
        depth_to_colour: NDArray[np.float64] | None = None,
        options: RegistrationOptions | None = None,
    ) -> None:
        if max(colour_camera.size) > _LARGEST:
            width, height = colour_camera.size[::-1]
            raise ValueError(
                f"registration: expected at most {_LARGEST} colour pixels each way, found {width}x{height}"
            )
        self.depth_camera, self.colour_camera = depth_camera, colour_camera
        self.depth_to_colour = check_rigid(np.eye(4) if depth_to_colour is None else depth_to_colour)
        self.options = options or RegistrationOptions()
        self._limits, self._parallax = self._prepare_limits(), self._prepare_parallax()
        self._same = self._is_same()
        if not self._same:
            low, high = self.options.depth_min, self.options.depth_max
            check_overlap(
                depth_camera, colour_camera, self.depth_to_colour, [min(max(z, low), high) for z in _TRIED_DEPTHS]
            )
            self._prepare_tables()
        self._depth = np.zeros(depth_camera.size, np.float32)
        if self.options.assign_mixed:
            self._arrived, self._nearer = np.zeros(depth_camera.size, np.float32), np.zeros(depth_camera.size, np.uint8)
        self._mixed: list[tuple[int, int, int]] = []
        self._inverse = np.zeros(colour_camera.size, np.float32)
        self._above, self._below = (np.zeros(colour_camera.size, np.int16) for _ in range(2))
        self._tiles = np.zeros([-(-size // TILE) for size in colour_camera.size], np.float32)
        least = _LEAST_BAND // colour_camera.size[1] + 1
        self.threads = min(self.options.threads or cv2.getNumThreads(), max(1, colour_camera.size[0] // least))
        reach = min(max(1, round(self.ratio * _WINDOW)), max(colour_camera.size))
        self._window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        # two surfaces, not one that is slanted
        slant = self.options.slant * 2 * reach / self._colour_focal()
        self._edge = np.float32(self.options.noise_m), np.float32(self.options.noise_share + slant)

    @classmethod
    def identity(
        cls,
        depth_size: Size,
        colour_size: Size,
        colour_camera: Camera | None = None,
        options: RegistrationOptions | None = None,
    ) -> Registration:
        """Registration of depth that is registered already, on a grid of its own over the same view.

        Args:
            depth_size: (height, width) of depth.
            colour_size: (height, width) of colour.
            colour_camera: the colour camera; None takes one of 60 degrees, which decides little.
            options: how.

        Raises:
            ValueError: a size without pixels, or another one than the camera's.
        """
        if min(*depth_size, *colour_size) < 1:
            raise ValueError(f"registration: expected sizes of 1x1 at least, found {depth_size} and {colour_size}")
        height, width = colour_size
        if colour_camera is None:
            focal = 0.87 * max(height, width)
            colour_camera = Camera(Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2))
        if colour_camera.size != tuple(colour_size):
            raise ValueError(
                f"registration: expected colour of {colour_camera.intrinsics.width}x{colour_camera.intrinsics.height}, "
                f"as its camera says, found {width}x{height}; give the camera_info of these images"
            )
        plain = Camera(colour_camera.intrinsics)  # both images went through the same lens
        return cls(plain.resized(depth_size[1], depth_size[0]), plain, None, options)

    @property
    def ratio(self) -> float:
        """Colour pixels per depth pixel, along a line."""
        depth, colour = self.depth_camera.intrinsics, self.colour_camera.intrinsics
        return math.sqrt(colour.fx * colour.fy / (depth.fx * depth.fy))

    def __call__(self, depth: NDArray[np.float32]) -> Registered:
        """Registers one image.

        Args:
            depth: (h, w) float32 metres along the depth camera's axis; NaN, infinite and not positive are invalid. Not
                changed.

        Raises:
            FrameError: cause `size` for another size than the depth camera's, `encoding` for another type,
                `all_invalid` where nothing is measured within the range, `no_overlap` where none of that is in the
                colour image.
        """
        self._check(depth)
        height, width = size = self.colour_camera.size
        start, quality = np.empty(size, np.float32), np.empty(size, np.uint8)
        # kernels meet one kind of array, whether what comes is read-only or a part of another: each is compiled for
        self._take_in(depth)
        covered, beyond, nearest = self._cover(start, quality)
        near, far = self._largest_around(self._inverse), self._largest_around(start)
        if self.options.fill and covered < height * width:
            self._fill(start, quality, nearest, near, far)
        self._in_bands(lambda *rows: decide(start, quality, *self._edge, *rows, near, far), height)
        return Registered(start, quality, near, far, covered / (height * width), beyond)

    def _take_in(self, depth: NDArray[np.float32]) -> None:
        """Copies an image; with mixed pixels assigned, and noted where which part of them is nearer, if asked for."""
        if not self.options.assign_mixed:
            np.copyto(self._depth, depth)
            return
        np.copyto(self._arrived, depth)

        def work(first: int, last: int) -> tuple[int, int, int]:
            found = assign_mixed(self._arrived, self._limits, first, last, self._same, self._depth, self._nearer)
            return first, last, int(found)

        self._mixed = self._in_bands(work, len(depth))

    def _in_bands(self, work: Callable[[int, int], Any], rows: int) -> list[Any]:
        return in_bands(work, rows, self.threads)

    def _largest_around(self, image: _Floats) -> _Floats:
        return np.asarray(cv2.dilate(image, self._window), np.float32)

    def _cover(self, start: _Floats, quality: NDArray[np.uint8]) -> tuple[int, int, float]:
        """Draws what is measured: pixels covered, depth pixels out of range, and the largest inverse depth."""
        if self._same:
            depth, limits, inverse = self._depth, self._limits, self._inverse
            counts = self._in_bands(lambda *rows: take(depth, limits, *rows, inverse, start, quality), len(depth))
            within, beyond = np.sum(counts, axis=0)
            self._check_measured(within, beyond)
            return int(within), int(beyond), 0.0
        within, beyond, ahead = self._place()
        self._check_measured(within, beyond)
        bands, shares = self._cut(), self._cut_shares()
        found = self._in_bands(lambda first, last: self._draw(first, last, bands, shares, start, quality), len(start))
        covered = sum(count for count, _ in found)
        if not covered:
            raise FrameError(
                "no_overlap",
                f"registration: expected measured depth in the colour camera's view, found none of {within} pixels "
                f"there ({within - ahead} behind it or beyond its lens); check extrinsics and both camera_infos",
            )
        return covered, beyond, max(nearest for _, nearest in found)

    def _place(self) -> tuple[int, int, int]:
        def work(first: int, last: int) -> Any:
            return place(self._depth, self._rays, self._view, self._limits, first, last, *self._placed, self._span)

        within, beyond, ahead = np.sum(self._in_bands(work, len(self._depth)), axis=0)
        return int(within), int(beyond), int(ahead)

    def _cut(self) -> list[tuple[int, int]]:
        """Joins depth pixels and cuts patches out: where each band's begin and how many there are."""
        depth, placed, limits, sides = self._depth, self._placed, self._limits, self._sides
        self._in_bands(lambda *rows: join(depth, placed[2], limits, *rows, sides), len(depth))

        def work(first: int, last: int) -> tuple[int, int]:
            count = cut_patches(depth, self._corners, *placed, self._view, limits, sides, first, last, self._patches)
            return first * depth.shape[1], int(count)

        return self._in_bands(work, len(depth))

    def _cut_shares(self) -> _Floats:
        """Parts of mixed pixels' squares that their nearer surfaces cover."""
        shares = np.empty((sum(count for _, _, count in self._mixed), PATCH), np.float32)
        begin = 0
        for first, last, count in self._mixed:
            if count:
                given = self._arrived, self._depth, self._nearer, self._corners, self._view, self._limits
                cut_shares(*given, first, last, shares[begin : begin + count])
            begin += count
        return shares

    def _draw(
        self,
        first: int,
        last: int,
        bands: list[tuple[int, int]],
        shares: _Floats,
        start: _Floats,
        quality: NDArray[np.uint8],
    ) -> tuple[int, float]:
        draw_surfaces(self._depth, *self._placed, self._span, self._sides, first, last, self._inverse)
        self._beside[first:last] = 0
        for begin, count in bands:
            draw_patches(self._patches, begin, count, first, last, self._beside)
        draw_patches(shares, 0, len(shares), first, last, self._beside)
        covered, nearest = compose(self._inverse, self._beside, self._limits, first, last, start, quality)
        return int(covered), float(nearest)

    def _fill(self, start: _Floats, quality: NDArray[np.uint8], nearest: float, near: _Floats, far: _Floats) -> None:
        distance, tiles = self._inverse, self._tiles
        widest = self._displacement * nearest
        if widest > 0:
            self._in_bands(lambda *rows: find_nearest(self._inverse, *rows, tiles), len(tiles))
            reach = min(math.ceil((widest + self._margin()) / TILE), max(tiles.shape))
            tiles = np.asarray(cv2.dilate(tiles, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.float32)
            distance = cv2.distanceTransform((quality == NOTHING).view(np.uint8), cv2.DIST_C, 3)
        # a pixel beyond the corner of what is covered has its row and column filled by the pass before
        nowhere = np.zeros_like(tiles)
        for searched, final in ((tiles, False), (nowhere, True), (nowhere, True)):
            if not self._fill_once(start, quality, distance, searched, final, near, far):
                break

    def _fill_once(
        self,
        start: _Floats,
        quality: NDArray[np.uint8],
        distance: _Floats,
        tiles: _Floats,
        final: bool,
        near: _Floats,
        far: _Floats,
    ) -> int:
        above, below = self._above, self._below
        self._in_bands(lambda *columns: find_rows(quality, *columns, above, below), start.shape[1])
        given = start, quality, distance, tiles, above, below, self._parallax, final
        return sum(self._in_bands(lambda *rows: fill(*given, *rows, near, far), start.shape[0]))

    def _check(self, depth: NDArray[np.float32]) -> None:
        expected = self.depth_camera.intrinsics
        if depth.ndim != 2 or depth.dtype != np.float32:
            raise FrameError(
                "encoding",
                f"registration: expected (h, w) float32 metres, found {depth.shape} {depth.dtype}; convert it with "
                "`to_metres`",
            )
        if depth.shape != self.depth_camera.size:
            raise FrameError(
                "size",
                f"registration: expected depth of {expected.width}x{expected.height}, as its camera_info says, found "
                f"{depth.shape[1]}x{depth.shape[0]}; give the camera_info of these images",
            )

    def _check_measured(self, within: int, beyond: int) -> None:
        if not within:
            raise FrameError(
                "all_invalid",
                f"depth: expected measured pixels within {self.options.depth_min:g} to {self.options.depth_max:g} m, "
                f"found none, and {beyond} beyond; check the sensor's view, `depth_unit`, `depth_min` and `depth_max`",
            )

    def _is_same(self) -> bool:
        """Whether pixels lie on pixels."""
        depth, colour = self.depth_camera, self.colour_camera
        lenses = (depth.lens.formula, *depth.lens.padded()) == (colour.lens.formula, *colour.lens.padded())
        still = bool(np.abs(self.depth_to_colour - np.eye(4)).max() < 1e-9)
        return still and lenses and depth.intrinsics == colour.intrinsics

    def _prepare_limits(self) -> Limits:
        o, i = self.options, self.depth_camera.intrinsics
        slope = o.noise_share + o.slant / math.sqrt(i.fx * i.fy)
        low, high = max(o.depth_min, _LEAST_DEPTH), min(o.depth_max, float(np.finfo(np.float32).max))
        return Limits(*(np.float32(value) for value in (low, high, o.noise_m, slope)))

    def _prepare_parallax(self) -> Parallax:
        o, f32 = self.options, np.float32
        field = parallax_field(self.colour_camera, self.depth_to_colour)
        slant = _FILLED_SLANT / self._colour_focal()
        self._displacement = float(np.abs(field).max())
        own = min(max(1, math.ceil(self.ratio)), max(self.colour_camera.size))
        steep = f32(own * o.slant / _FILLED_SLANT)
        return Parallax(field, f32(self._margin()), f32(o.noise_m), f32(o.noise_share), f32(slant), own, steep)

    def _margin(self) -> float:
        return (max(self.ratio, 1) + 1) / 2

    def _prepare_tables(self) -> None:
        h, w = self.depth_camera.size
        self._view = view_of(self.colour_camera, self.depth_to_colour)
        self._rays = turned_rays(self.depth_camera, self.depth_to_colour)
        self._corners = turned_corners(self.depth_camera, self.depth_to_colour)
        self._placed = tuple(np.zeros((h, w), np.float32) for _ in range(3))  # columns, rows, inverse depths
        self._span = np.zeros((h, 2), np.float32)
        self._sides = np.zeros((h + 1, w + 1), np.uint8)
        self._patches = np.zeros((h * w, PATCH), np.float32)
        self._beside = np.zeros(self.colour_camera.size, np.float32)

    def _colour_focal(self) -> float:
        return math.sqrt(self.colour_camera.intrinsics.fx * self.colour_camera.intrinsics.fy)

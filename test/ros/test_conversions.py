"""Messages to arrays and back, with every library that decodes on this machine."""

from __future__ import annotations

import copy
import sys
from array import array
from importlib.util import find_spec

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header

from depth_sr_ros.cameras.camera import Intrinsics, intrinsics_of
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.image_messages import colour_pixels, depth_pixels
from depth_sr_ros.ros.conversions import (
    ImageDecoder,
    camera_info_for,
    output_header,
    stamp_ns,
    to_camera_info,
    to_depth_message,
    to_image_message,
    to_validity_message,
)

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
DEPTH = np.array([[0.5, np.nan, 1.25], [2.0, 3.5, 65.0]], np.float32)

CONVERTERS = [
    "rosbags-image",
    pytest.param(
        "cv_bridge",
        marks=pytest.mark.skipif(find_spec("cv_bridge") is None, reason="cv_bridge comes with ROS"),
    ),
]


@pytest.fixture(params=CONVERTERS)
def decoder(request):
    return ImageDecoder(converter=request.param)


def test_without_any_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rosbags.image", None)
    with pytest.raises(ImportError, match="expected cv_bridge or rosbags-image.*found neither.*pip install"):
        ImageDecoder(converter="rosbags-image")


def header() -> Header:
    return Header(frame_id="camera")


def message(pixels: np.ndarray, encoding: str) -> Image:
    return to_image_message(pixels, encoding, header())


def padded(image: Image, extra: int) -> Image:
    """The same image with `extra` bytes of rubbish after every row."""
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    wide = np.concatenate([rows, np.full((image.height, extra), 77, np.uint8)], 1)
    result = copy.copy(image)
    result.step, result.data = image.step + extra, array("B", wide.tobytes())
    return result


def big_endian(image: Image, itemsize: int) -> Image:
    """The same image in the other byte order."""
    result = copy.copy(image)
    swapped = np.frombuffer(image.data, f"<u{itemsize}").astype(f">u{itemsize}")
    result.is_bigendian, result.data = 1, array("B", swapped.tobytes())
    return result


GREY = RGB[..., 0]
COLOURS = {
    "rgb8": (RGB, RGB),
    "bgr8": (RGB[..., ::-1], RGB),
    "8UC3": (RGB[..., ::-1], RGB),
    "rgba8": (np.dstack([RGB, GREY]), RGB),
    "bgra8": (np.dstack([RGB[..., ::-1], GREY]), RGB),
    "8UC4": (np.dstack([RGB[..., ::-1], GREY]), RGB),
    "mono8": (GREY, np.dstack([GREY] * 3)),
    "8UC1": (GREY, np.dstack([GREY] * 3)),
    "rgb16": (RGB.astype(np.uint16) * 257, RGB),
}


@pytest.mark.parametrize("encoding", COLOURS)
@pytest.mark.parametrize("extra", [0, 5])
def test_decodes_colour_with_and_without_padded_rows(decoder, encoding, extra):
    pixels, expected = COLOURS[encoding]
    image = message(pixels, encoding)
    np.testing.assert_allclose(decoder.colour(padded(image, extra) if extra else image), expected, atol=1)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_decodes_grey_yuv_to_grey(decoder, encoding):
    luma = np.full((6, 8), 126, np.uint8)
    order = [np.full_like(luma, 128), luma] if encoding in ("yuv422", "uyvy") else [luma, np.full_like(luma, 128)]
    rgb = decoder.colour(message(np.stack(order, -1), encoding))
    assert rgb.shape == (6, 8, 3)
    assert np.ptp(rgb) <= 1


@pytest.mark.parametrize(
    ("encoding", "red"),
    [("bayer_rggb8", (0, 0)), ("bayer_bggr8", (1, 1)), ("bayer_gbrg8", (1, 0)), ("bayer_grbg8", (0, 1))],
)
def test_decodes_a_red_scene_from_every_bayer_pattern(decoder, encoding, red):
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[red[0] :: 2, red[1] :: 2] = 200
    middle = decoder.colour(message(mosaic, encoding))[2:6, 2:6]
    assert middle[..., 0].min() == 200
    assert middle[..., 1:].max() == 0


@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "32FC1"])
@pytest.mark.parametrize("extra", [0, 3])
def test_decodes_depth_to_metres(decoder, encoding, extra):
    raw = DEPTH if encoding == "32FC1" else np.nan_to_num(DEPTH * 1000).astype(np.uint16)
    image = message(raw, encoding)
    np.testing.assert_allclose(decoder.depth(padded(image, extra) if extra else image), DEPTH, rtol=1e-6)


@pytest.mark.parametrize(("encoding", "itemsize"), [("16UC1", 2), ("32FC1", 4)])
@pytest.mark.parametrize("extra", [0, 3])
def test_decodes_big_endian_depth(decoder, encoding, itemsize, extra):
    image = big_endian(to_depth_message(DEPTH, encoding, header()), itemsize)
    np.testing.assert_allclose(decoder.depth(padded(image, extra) if extra else image), DEPTH, rtol=1e-6)


def test_decodes_big_endian_colour_of_16_bits(decoder):
    image = big_endian(message(RGB.astype(np.uint16) * 257, "rgb16"), 2)
    np.testing.assert_allclose(decoder.colour(image), RGB, atol=1)


def test_follows_the_unit_that_is_set_instead_of_the_encoding():
    raw = np.array([[10000, 0]], np.uint16)
    np.testing.assert_allclose(ImageDecoder(depth_unit=0.0001).depth(message(raw, "16UC1")), [[1.0, np.nan]], rtol=1e-6)


def test_takes_what_sensors_write_for_nothing_as_no_distance():
    raw = np.array([[65535, 0, 1500]], np.uint16)
    np.testing.assert_allclose(ImageDecoder().depth(message(raw, "16UC1")), [[np.nan, np.nan, 1.5]], rtol=1e-6)


def _spoilt(image: Image, **changes) -> Image:
    result = copy.copy(image)
    for name, value in changes.items():
        setattr(result, name, value)
    return result


GOOD = message(RGB, "rgb8")


@pytest.mark.parametrize(
    ("image", "cause"),
    [
        (_spoilt(GOOD, encoding="jpeg"), "encoding"),
        (_spoilt(GOOD, encoding=""), "encoding"),
        (_spoilt(GOOD, encoding="32FC1"), "encoding"),
        (_spoilt(GOOD, width=0), "empty"),
        (_spoilt(GOOD, height=0, data=array("B")), "empty"),
        (_spoilt(GOOD, data=GOOD.data[:-1]), "data_length"),
        (_spoilt(GOOD, data=GOOD.data + array("B", [0])), "data_length"),
        (_spoilt(GOOD, width=9), "data_length"),
        (_spoilt(GOOD, step=GOOD.step - 1, data=GOOD.data[: (GOOD.step - 1) * GOOD.height]), "data_length"),
        (message(RGB[:, :7, :2], "yuv422"), "unreadable"),
    ],
)
def test_refuses_colour_that_cannot_be_decoded(decoder, image, cause):
    for decode in (decoder.colour, colour_pixels):
        with pytest.raises(FrameError, match="expected") as refused:
            decode(image)
        assert refused.value.cause == cause


def test_refuses_depth_that_cannot_be_decoded(decoder):
    good = to_depth_message(DEPTH, "16UC1", header())
    no_width, too_high = _spoilt(good, width=0), _spoilt(good, height=9)
    for image, cause in ((GOOD, "encoding"), (no_width, "empty"), (too_high, "data_length")):
        for decode in (decoder.depth, depth_pixels):
            with pytest.raises(FrameError, match="expected.*found") as refused:
                decode(image)
            assert refused.value.cause == cause


def test_changes_no_incoming_message(decoder):
    image = big_endian(padded(to_depth_message(DEPTH, "16UC1", header()), 3), 1)
    before = copy.deepcopy(image)
    decoder.depth(image)
    rgb = decoder.colour(GOOD)
    assert image == before
    assert rgb.tobytes() == GOOD.data.tobytes()


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_depth_comes_back_from_a_message(decoder, encoding):
    np.testing.assert_allclose(decoder.depth(to_depth_message(DEPTH, encoding, header())), DEPTH, atol=0.0005)


def test_encodes_a_strided_view(decoder):
    assert np.array_equal(decoder.colour(message(RGB[::2, ::-1], "rgb8")), RGB[::2, ::-1])


def test_encodes_validity_as_255_and_0():
    image = to_validity_message(np.array([[True, False]]), header())
    assert (image.encoding, image.step, list(image.data)) == ("mono8", 2, [255, 0])


def test_refuses_to_encode_depth_otherwise():
    with pytest.raises(ValueError, match="expected 32FC1 or 16UC1, found 'mono16'"):
        to_depth_message(DEPTH, "mono16", header())


def test_the_output_has_the_depth_stamp_and_the_colour_frame():
    rgb, depth = copy.deepcopy(GOOD), copy.deepcopy(GOOD)
    depth.header.stamp.sec, depth.header.stamp.nanosec, depth.header.frame_id = 12, 34, "depth"
    made = output_header(rgb, depth)
    assert (made.frame_id, made.stamp) == ("camera", depth.header.stamp)
    assert stamp_ns(depth) == 12_000_000_034


def calibrated() -> CameraInfo:
    return CameraInfo(
        header=header(), width=640, height=480, distortion_model="plumb_bob", d=[0.1, -0.2, 0.0, 0.0, 0.0],
        k=[600.0, 0.0, 319.5, 0.0, 602.0, 239.5, 0.0, 0.0, 1.0], r=[1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0],
        p=[590.0, 0.0, 319.5, -60.0, 0.0, 592.0, 239.5, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip


def test_camera_info_follows_the_size():
    made = camera_info_for(calibrated(), 320, 120, Header(frame_id="new"))
    assert (made.width, made.height, made.header.frame_id) == (320, 120, "new")
    np.testing.assert_allclose(made.k, [300, 0, 159.5, 0, 150.5, 59.5, 0, 0, 1])
    np.testing.assert_allclose(made.p, [295, 0, 159.5, -30, 0, 148, 59.5, 0, 0, 0, 1, 0])
    assert list(made.d) == list(calibrated().d)


def test_a_point_projects_to_the_same_place_of_the_image_after_scaling():
    made = camera_info_for(calibrated(), 1280, 1440, header())
    point = np.array([0.3, -0.2, 2.0, 1.0])
    (u, v, w), (u2, v2, w2) = (np.reshape(info.p, (3, 4)) @ point for info in (calibrated(), made))
    assert (u2 / w2 + 0.5) / 1280 == pytest.approx((u / w + 0.5) / 640)
    assert (v2 / w2 + 0.5) / 1440 == pytest.approx((v / w + 0.5) / 480)


def test_camera_info_folds_region_of_interest_and_binning():
    source = calibrated()
    source.roi = RegionOfInterest(x_offset=100, y_offset=40, width=400, height=300, do_rectify=True)
    source.binning_x, source.binning_y = 2, 2
    made = camera_info_for(source, 200, 150, header())
    np.testing.assert_allclose(made.k, [300, 0, (219.5 + 0.5) / 2 - 0.5, 0, 301, (199.5 + 0.5) / 2 - 0.5, 0, 0, 1])
    assert (made.roi, made.binning_x, made.binning_y) == (RegionOfInterest(), 0, 0)


def test_camera_info_of_an_uncalibrated_camera_stays_zero():
    made = camera_info_for(CameraInfo(width=640, height=480), 320, 240, header())
    assert not made.k.any() and not made.p.any()
    assert (made.width, made.height) == (320, 240)


def test_camera_info_leaves_its_source_alone():
    source, before = calibrated(), calibrated()
    camera_info_for(source, 10, 20, Header(frame_id="new"))
    assert source == before


def test_intrinsics_come_back_from_camera_info():
    camera = Intrinsics(640, 480, 600.0, 601.0, 320.0, 239.0)
    assert intrinsics_of(to_camera_info(camera, header())) == camera


def other_image(encoding: str) -> Image:
    """An image with padded rows and, where that means anything, the other byte order."""
    pixels = (COLOURS | DEPTHS)[encoding][0]
    image = message(pixels, encoding)
    return padded(big_endian(image, pixels.itemsize) if pixels.itemsize > 1 else image, 3)


DEPTHS = {
    "16UC1": (np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000, None),
    "mono16": (np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000, None),
    "32FC1": (np.linspace(0, 9, 48, dtype=np.float32).reshape(6, 8), None),
}
YUV = np.random.default_rng(1).integers(0, 256, (6, 8, 2), np.uint8)
COMPARED = [message(COLOURS[encoding][0], encoding) for encoding in COLOURS]
COMPARED += [message(YUV, encoding) for encoding in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")]
COMPARED += [message(GREY, f"bayer_{order}8") for order in ("rggb", "bggr", "gbrg", "grbg")]
COMPARED += [other_image(encoding) for encoding in COLOURS]


@pytest.mark.parametrize("image", COMPARED, ids=lambda image: f"{image.encoding}-step{image.step}")
def test_live_and_recorded_colour_become_the_same_array(decoder, image):
    np.testing.assert_allclose(decoder.colour(image), colour_pixels(image), atol=1 if find_spec("cv_bridge") else 0)


@pytest.mark.parametrize("encoding", DEPTHS)
@pytest.mark.parametrize("other", [False, True], ids=["plain", "padded-other-order"])
def test_live_and_recorded_depth_become_the_same_array(decoder, encoding, other):
    image = other_image(encoding) if other else message(DEPTHS[encoding][0], encoding)
    np.testing.assert_array_equal(decoder.depth(image), to_metres(*depth_pixels(image)))

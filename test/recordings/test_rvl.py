import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.rvl import decode_rvl

# made by the code that image_transport publishes with
PUBLISHED = bytes.fromhex("41f18d32f38eca3121f3ffbf000060c1")
IMAGE = np.array([0, 0, 0, 500, 502, 0, 501, 65535, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0], np.uint16)


def nibbles_of(number):
    while True:
        low, number = number & 7, number >> 3
        yield low | (8 if number else 0)
        if not number:
            return


def encode(pixels):
    """The code as Wilson's paper describes it, number by number."""
    numbers, previous, at = [], 0, 0
    while at < len(pixels):
        start = at
        while at < len(pixels) and pixels[at] == 0:
            at += 1
        end = at
        while end < len(pixels) and pixels[end] != 0:
            end += 1
        numbers += [at - start, end - at]
        for value in pixels[at:end]:
            difference, previous = value - previous, value
            numbers.append(2 * difference if difference >= 0 else -2 * difference - 1)
        at = end
    nibbles = [nibble for number in numbers for nibble in nibbles_of(number)]
    nibbles += [0] * (-len(nibbles) % 8)
    words = [int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)]
    return np.array(words, "<u4").tobytes()


def test_decodes_what_image_transport_writes():
    np.testing.assert_array_equal(decode_rvl(PUBLISHED, IMAGE.size), IMAGE)
    assert encode(IMAGE.tolist()) == PUBLISHED


@given(st.lists(st.one_of(st.just(0), st.integers(0, 65535)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_image_comes_back(pixels):
    assert decode_rvl(encode(pixels), len(pixels)).tolist() == pixels


@pytest.mark.parametrize(
    ("data", "pixels", "found"),
    [
        (PUBLISHED[:8], 18, "ends after 8 of 18 pixels"),
        (b"", 4, "ends after 0 of 4"),
        (PUBLISHED, 17, "counts more than the 17"),
        (b"\xff" * 40, 18, "ends after 0 of 18"),
    ],
    ids=["cut off", "nothing", "too many", "no number ends"],
)
def test_refuses_a_damaged_code(data, pixels, found):
    with pytest.raises(FrameError, match=found) as error:
        decode_rvl(data, pixels)
    assert error.value.cause == "data_length"


def test_survives_any_bytes():
    rng = np.random.default_rng(1)
    for _ in range(200):
        try:
            assert decode_rvl(rng.bytes(rng.integers(1, 80)), 50).shape == (50,)
        except FrameError:
            continue

import numpy as np
import pytest

from demo.comparison import Compared
from demo.peers import Peers
from demo.picture import picture
from depth_sr_ros.cameras.camera import Camera, Intrinsics

HEIGHT, WIDTH = 60, 80
CAMERA = Camera(Intrinsics(WIDTH, HEIGHT, 80.0, 80.0, 39.5, 29.5))
RNG = np.random.default_rng(0)
RGB = RNG.integers(40, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH = RNG.uniform(1, 3, (HEIGHT, WIDTH)).astype(np.float32)
ROW, COLUMN = 360, 480  # of a panel


def compared(truth, camera, aligned=DEPTH):
    return Compared(RGB, DEPTH[::4, ::4], DEPTH, Peers(aligned, DEPTH, DEPTH), truth, camera)


@pytest.mark.parametrize(
    "truth,camera,rows,columns",
    [(DEPTH, CAMERA, 3, 4), (DEPTH, None, 2, 4), (None, CAMERA, 2, 4), (None, None, 1, 5)],
)
def test_shows_what_can_be_known(truth, camera, rows, columns):
    height, width = picture(compared(truth, camera), "title").shape[:2]
    assert rows * ROW < height < (rows + 0.5) * ROW
    assert columns * COLUMN < width < (columns + 0.5) * COLUMN


def test_errors_are_on_one_scale():
    off = Compared(RGB, DEPTH, DEPTH + np.float32(0.002), Peers(DEPTH, DEPTH + np.float32(0.2), DEPTH), DEPTH, None)
    page = picture(off, "")
    top = ROW + 44 + 34 + ROW // 2  # in the middle of the second row
    lefts = [10 + column * (COLUMN + 10) + COLUMN // 2 for column in (1, 2, 3)]
    aligned, classical, output = (page[top, left].astype(int) for left in lefts)
    assert (aligned == [84, 1, 68]).all()  # zero, BGR
    # the scale ends at 5 mm, of which the output has 2; the classical chain is beyond its end
    assert (classical == [37, 231, 253]).all()
    assert abs(output - [140, 103, 53]).max() < 40
    assert (output != aligned).any() and (output != classical).any()


def test_what_has_no_value_is_black():
    holes = DEPTH.copy()
    holes[20:40, 30:50] = np.nan
    page = picture(compared(None, None, holes), "")
    middle = 34 + ROW // 2, 10 + 2 * (COLUMN + 10) + COLUMN // 2
    assert (page[middle] == 0).all()

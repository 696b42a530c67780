import numpy as np
import pytest

from demo.bicubic import upsample_bicubic


def test_equals_pils_bicubic():
    image = pytest.importorskip("PIL.Image")
    depth = np.random.default_rng(0).uniform(1, 5, (15, 20)).astype(np.float32)
    expected = np.asarray(image.fromarray(depth).resize((160, 120), image.BICUBIC))
    np.testing.assert_allclose(upsample_bicubic(depth, (120, 160)), expected, atol=5e-6)


def test_keeps_a_slope_away_from_the_border():
    depth = np.tile(np.arange(10, dtype=np.float32), (10, 1))
    fine = upsample_bicubic(depth, (40, 40))
    expected = (np.arange(40) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(fine[20, 8:-8], expected[8:-8], atol=1e-5)


def test_refuses_depth_without_any_value():
    with pytest.raises(ValueError, match="at least one valid"):
        upsample_bicubic(np.full((3, 3), np.nan, np.float32), (6, 6))

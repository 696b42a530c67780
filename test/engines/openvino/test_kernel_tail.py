"""The compiled tail against the networks' own sampling."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.kernel.kernel_filter import combine
from depth_sr_ros.models.registry import create_model

kernel_tail = pytest.importorskip("depth_sr_ros.engines.openvino.kernel_tail", reason="needs numba")

HEIGHT, WIDTH = 12, 20


def _heads(kernel_size, spread=3.0, seed=0):
    """Weights and offsets of two branches, (1, C, h, w), offsets beyond the window among them."""
    generator = torch.Generator().manual_seed(seed)
    taps, cells = kernel_size**2 * 16, (HEIGHT // 4, WIDTH // 4)
    weights = [torch.rand(1, taps, *cells, generator=generator) for _ in range(2)]
    offsets = [spread * torch.randn(1, 2 * taps, *cells, generator=generator) for _ in range(2)]
    start = torch.rand(1, 1, HEIGHT, WIDTH, generator=generator)
    return weights, offsets, start


def _expected(kernel_size, residual, weights, offsets, start):
    network = create_model("fdkn", scale=4, kernel_size=kernel_size, residual=residual).eval()
    filtered = network._filter(start, *combine(list(zip(weights, offsets, strict=True))))
    return (start + filtered if residual else filtered).clamp(0, 1)[0, 0].numpy()


def _found(kernel_size, residual, weights, offsets, start, rows=((0, HEIGHT // 4),), bits=False):
    heads = tuple(h[0].permute(1, 2, 0).contiguous().flatten() for h in (*weights, *offsets))
    heads = tuple(h.to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16) if bits else h.numpy() for h in heads)
    pairs = kernel_tail.padded_pairs(start[0, 0].numpy())
    out = np.full(HEIGHT * WIDTH, np.nan, np.float32)
    layout, taps = kernel_tail.Layout(4, WIDTH), kernel_tail.taps_of(kernel_size, residual)
    for first, last in rows:
        kernel_tail.filter_rows(heads, pairs, out, np.float32(0), np.float32(1), layout, taps, first, last)
    return out.reshape(HEIGHT, WIDTH)


@pytest.mark.parametrize(("kernel_size", "residual"), [(3, True), (3, False), (5, True)])
def test_tail_is_the_networks_own(kernel_size, residual):
    problem = _heads(kernel_size)
    np.testing.assert_allclose(
        _found(kernel_size, residual, *problem), _expected(kernel_size, residual, *problem), rtol=0, atol=2e-5
    )


def test_bfloat16_heads_are_read_as_what_they_are():
    weights, offsets, start = _heads(3, spread=1.0)
    rounded = [[t.to(torch.bfloat16).float() for t in pair] for pair in (weights, offsets)]
    np.testing.assert_allclose(
        _found(3, True, weights, offsets, start, bits=True), _expected(3, True, *rounded, start), rtol=0, atol=2e-5
    )


def test_rows_can_be_shared_out():
    problem = _heads(3)
    np.testing.assert_array_equal(_found(3, True, *problem, rows=((1, 3), (0, 1))), _found(3, True, *problem))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_no_head_output_leads_outside_the_image(value):
    weights, offsets, start = _heads(3)
    for offset in offsets:
        offset.fill_(float(value))
    found = _found(3, True, weights, offsets, start)
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def test_pairs_are_pixels_of_the_repeated_border_and_their_right_neighbours():
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    pad = kernel_tail.PAD
    expected = F.pad(torch.from_numpy(image)[None, None], [pad, pad + 1, pad, pad], mode="replicate")[0, 0].numpy()
    pairs = kernel_tail.padded_pairs(image)
    left = (pairs & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.float32)
    right = (pairs >> np.uint64(32)).astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(left, expected[:, :-1].reshape(-1))
    np.testing.assert_array_equal(right, expected[:, 1:].reshape(-1))

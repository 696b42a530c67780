"""Imported FDKN and DKN weights do what the released networks do: full windows per pixel, align_corners, 16 passes."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.released import ImportSettings, convert

_LISTED = Path(__file__).with_name("fdkn_tensors.txt")  # names and shapes in the authors' file


def _branch_shapes(branch, channels, sizes, block):
    """Convolutions of one branch by (number, outputs, kernel size); those with odd numbers up to 5 are normalised."""
    shapes = {}
    for number, outputs, size in sizes:
        shapes[f"{branch}.conv{number}.weight"] = (outputs, channels, size, size)
        shapes[f"{branch}.conv{number}.bias"] = (outputs,)
        if number in (1, 3, 5):
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{branch}.conv{number}_bn.{leaf}"] = (outputs,)
            shapes[f"{branch}.conv{number}_bn.num_batches_tracked"] = ()
        channels = outputs
    for head, maps in (("weight", 9), ("offset", 18)):
        shapes[f"{branch}.conv_{head}.weight"] = (maps * block**2, 128, 1, 1)
        shapes[f"{branch}.conv_{head}.bias"] = (maps * block**2,)
    return shapes


def _fdkn_shapes():
    sizes = [(1, 32, 3), (2, 32, 3), (3, 64, 3), (4, 64, 3), (5, 128, 3), (6, 128, 3)]
    return {**_branch_shapes("ImageKernel", 16, sizes, 4), **_branch_shapes("DepthKernel", 16, sizes, 4)}


def _dkn_shapes():
    sizes = [(1, 32, 7), (2, 32, 2), (3, 64, 5), (4, 64, 2), (5, 128, 5), (6, 128, 3), (7, 128, 3)]
    return {**_branch_shapes("ImageKernel", 3, sizes, 1), **_branch_shapes("DepthKernel", 1, sizes, 1)}


def _branch(state, branch, image, padding):
    number = 1
    while f"{branch}.conv{number}.weight" in state:
        weight, name = state[f"{branch}.conv{number}.weight"], f"{branch}.conv{number}_bn"
        stride = 2 if weight.shape[-1] == 2 else 1
        image = F.conv2d(image, weight, state[f"{branch}.conv{number}.bias"], stride=stride, padding=padding)
        if f"{name}.weight" in state:
            leaves = (state[f"{name}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias"))
            image = F.batch_norm(image, *leaves)
        image, number = F.relu(image), number + 1
    weights, offsets = (
        F.conv2d(image, state[f"{branch}.conv_{head}.weight"], state[f"{branch}.conv_{head}.bias"])
        for head in ("weight", "offset")
    )
    return torch.sigmoid(weights), offsets


def _products(state, guide, start, padding=0):
    (weights, offsets), (others, other_offsets) = (
        _branch(state, "ImageKernel", guide, padding),
        _branch(state, "DepthKernel", start, padding),
    )
    return weights * others, offsets * other_offsets


def _filter(start, weights, offsets):
    """A 15 x 15 window of every pixel, the taps counted from its centre, the first index moving x."""
    batch, _, height, width = weights.shape
    windows = F.unfold(start, 15, padding=7).transpose(1, 2).reshape(-1, 1, 15, 15)
    steps = torch.arange(7.0, 10.0)
    rest = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).reshape(9, 2)
    places = rest + offsets.permute(0, 2, 3, 1).reshape(-1, 9, 2)
    samples = F.grid_sample(windows, (places / 15 * 2 - 1).unsqueeze(2), align_corners=True).reshape(-1, 9)
    kernel = (weights - weights.mean(1, keepdim=True)).permute(0, 2, 3, 1).reshape(-1, 9)
    return start + (samples * kernel).sum(1).reshape(batch, 1, height, width)


def _released_fdkn(state, bgr, start):
    grey = (0.299 * bgr[:, 2] + 0.587 * bgr[:, 1] + 0.114 * bgr[:, 0]).unsqueeze(1)
    quarter = [torch.cat([m[:, :, i::4, j::4] for i in range(4) for j in range(4)], 1) for m in (grey, start)]
    weights, offsets = _products(state, *quarter, padding=1)
    return _filter(start, F.pixel_shuffle(weights, 4), F.pixel_shuffle(offsets, 4))


def _released_dkn(state, bgr, start):
    height, width = start.shape[-2:]
    weights, offsets = torch.zeros(1, 9, height, width), torch.zeros(1, 18, height, width)
    for i in range(4):
        for j in range(4):
            shifted = [F.pad(m, (25 - j, 22 + j, 25 - i, 22 + i)) for m in (bgr, start)]
            weights[..., i::4, j::4], offsets[..., i::4, j::4] = _products(state, *shifted)
    return _filter(start, weights, offsets)


@pytest.mark.parametrize(
    ("model", "shapes", "released"),
    [("fdkn", _fdkn_shapes(), _released_fdkn), ("dkn", _dkn_shapes(), _released_dkn)],
    ids=["fdkn", "dkn"],
)
@torch.no_grad()
def test_imported_weights_do_what_the_release_does(random_state, model, shapes, released):
    state = random_state(shapes)
    network, report = convert(model, state, scale=4)
    assert report.used == len(state) and not (report.unused or report.unrecognised or report.defaulted)
    torch.manual_seed(1)
    guide, depth = torch.rand(1, 3, 16, 24), torch.rand(1, 1, 4, 6)
    expected = released(state, guide.flip(1), resize_bicubic(depth, (16, 24)))
    torch.testing.assert_close(network(guide, depth), expected, atol=2e-5, rtol=0)
    assert (expected - resize_bicubic(depth, (16, 24))).abs().max() > 0.02


@torch.no_grad()
def test_channel_order_of_dkn_can_be_told(random_state):
    state = random_state(_dkn_shapes())
    network, _ = convert("dkn", state, scale=4, settings=ImportSettings(channel_order="rgb"))
    guide, depth = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 2, 2)
    expected = _released_dkn(state, guide, resize_bicubic(depth, (8, 8)))
    torch.testing.assert_close(network(guide, depth), expected, atol=2e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_command_writes_an_artifact_that_an_engine_takes(random_state, import_by_command):
    """FDKN's is in `test_importer`."""
    artifact = import_by_command("dkn", random_state(_dkn_shapes()))
    assert artifact.card.options["sampling"] == "aligned_corners"


def test_made_up_layout_is_the_released_one():
    lines = [line.split(" ", 1) for line in _LISTED.read_text().splitlines() if line.strip()]
    assert len(lines) == 62
    assert dict(lines) == {name: str(shape) for name, shape in _fdkn_shapes().items()}

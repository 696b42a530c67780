"""JIIF against the paper and the release.

`python test/models/test_jiif.py` writes the golden tensors anew.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from depth_sr_ros.models import create_model
from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.jiif.pairs import AxisPositions, PairFunction
from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.layers.reduction import PhaseReducer

_GOLDEN = Path(__file__).parents[1] / "golden" / "jiif.npz"
_WEIGHTS = ["joint", "separate", "bilinear", "regression"]


def _count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts():
    network = JIIF()
    assert _count(network.guide_encoder) == 4_873_856
    assert _count(network.depth_encoder) == 4_871_552
    assert _count(network.functions) == 1_085_570
    assert _count(network) == 10_830_978


def test_joint_function_halves_the_last_four_layers():
    """As the paper says of Table 3; each function has its own last layer with one output."""
    joint, separate = JIIF(blocks=1).functions, JIIF(blocks=1, weights="separate").functions
    assert [_count(f.layers[1:]) for f in separate] == [_count(joint[0].layers[1:]) - 129] * 2


def _network(scale=4, seed=0, **options):
    torch.manual_seed(seed)
    network = JIIF(**{"scale": scale, "width": 8, "blocks": 1, "hidden": (24, 16), **options}).eval()
    with torch.no_grad():
        for function in network.functions:  # so that values and logits differ visibly from pair to pair
            for layer in function.layers:
                layer.weight.mul_(2)
    return network


def _images(scale=4, cells=(4, 5), batch=1, size=None):
    generator = torch.Generator().manual_seed(1)
    size = size or (cells[0] * scale, cells[1] * scale)
    guide = torch.rand(batch, 3, *size, generator=generator)
    return guide, torch.rand(batch, 1, *cells, generator=generator)


def _centres(height, width):
    """Coordinates of all pixels, (1, H W, 2), rows and columns from -1 to 1."""
    row, column = ((2 * torch.arange(n) + 1) / n - 1 for n in (height, width))
    return torch.stack(torch.meshgrid(row, column, indexing="ij"), dim=-1).reshape(1, -1, 2)


def _look_up(image, positions):
    """Nearest pixels of (B, C, H, W), zero outside, at (B, N, 2) row and column -> (B, N, C)."""
    grid = positions.flip(-1).unsqueeze(1)
    return F.grid_sample(image, grid, mode="nearest", padding_mode="zeros", align_corners=False)[:, :, 0].mT


def _guide_codes_of(network):
    return lambda image: network.guide_encoder(network.normalise(image))


def _by_query(network, guide, depth):
    """The joint form written down pair by pair: every pixel looks its four neighbours up, unfactored."""
    batch, _, height, width = guide.shape
    cells = depth.shape[-2:]
    positions = _centres(height, width).expand(batch, -1, -1)
    encode = _guide_codes_of(network)
    guide_codes, cell_codes = encode(guide), encode(resize_bicubic(guide, cells))
    depth_codes = network.depth_encoder(depth)
    coordinates = _centres(*cells).mT.reshape(1, 2, *cells).expand(batch, -1, -1, -1)
    at_query = _look_up(guide_codes, positions)
    half_cell = 1 / torch.tensor(cells)
    values, logits = [], []
    for row, column in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        shifted = positions + half_cell * torch.tensor([row, column])
        if network.border == "replicate":
            shifted = shifted.clamp(-1 + 1e-6, 1 - 1e-6)
        relative = (positions - _look_up(coordinates, shifted)) * torch.tensor(cells)
        difference = at_query - _look_up(cell_codes, shifted)
        pair = torch.cat((_look_up(depth_codes, shifted), at_query, difference, relative), dim=-1)
        layers = network.functions[0].layers
        for layer in layers[:-1]:
            pair = layer(pair).relu()
        value, logit = layers[-1](pair).unbind(-1)
        values.append(value)
        logits.append(logit)
    weights = torch.stack(logits).softmax(0)
    result = (weights * torch.stack(values)).sum(0).reshape(batch, 1, height, width)
    return result + resize_bicubic(depth, (height, width))


@torch.inference_mode()
@pytest.mark.parametrize("border", ["zeros", "replicate"])
@pytest.mark.parametrize("scale", [4, 8, 16])
def test_dense_form_is_the_query_form(scale, border):
    network = _network(scale, border=border)
    guide, depth = _images(scale, cells=(3, 4), batch=2)
    output = network(guide, depth)
    torch.testing.assert_close(output, _by_query(network, guide, depth), atol=1e-6, rtol=0)
    positions = _centres(*guide.shape[-2:]).expand(2, -1, -1)
    torch.testing.assert_close(network.query(guide, depth, positions), output.flatten(1), atol=1e-6, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("border", ["zeros", "replicate"])
@pytest.mark.parametrize("weights", _WEIGHTS)
@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_samples_and_any_size_agree_with_the_dense_form(scale, weights, border):
    network = _network(scale, weights=weights, border=border)
    guide, depth = _images(scale, batch=2)
    dense = network(guide, depth)
    torch.testing.assert_close(network.upsample(guide, depth), dense, atol=1e-6, rtol=0)
    values, indices = network.sampled(guide, depth, 7)
    torch.testing.assert_close(values, dense.flatten(1).gather(1, indices), atol=1e-6, rtol=0)


def test_samples_are_drawn_without_replacement_and_anew_for_each_image():
    guide, depth = _images(cells=(2, 3), batch=2)
    _, indices = _network().sampled(guide, depth, 96, torch.Generator().manual_seed(0))
    assert torch.equal(indices.sort(dim=1).values, torch.arange(96).expand(2, -1))
    assert not torch.equal(indices[0], indices[1])
    _, again = _network().sampled(guide, depth, 96, torch.Generator().manual_seed(0))
    assert torch.equal(indices, again)


def test_more_samples_than_pixels_says_how_many_there_are():
    with pytest.raises(ValueError, match="expected 1 to 320 .* found 321"):
        _network().sampled(*_images(), 321)


def test_sampled_gradients_are_those_of_the_dense_form():
    network = _network()
    guide, depth = _images()
    values, indices = network.sampled(guide, depth, 50)
    values.square().sum().backward()
    sampled = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    network(guide, depth).flatten(1).gather(1, indices).square().sum().backward()
    for ours, theirs in zip(sampled, (p.grad for p in network.parameters()), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("weights", _WEIGHTS)
def test_gradient_reaches_both_encoders(weights):
    network = _network(weights=weights)
    values, _ = network.sampled(*_images(), 20)
    values.sum().backward()
    for encoder in (network.guide_encoder, network.depth_encoder):
        assert encoder.head.weight.grad.abs().max() > 0


@torch.inference_mode()
def test_small_sibling_is_one_function_in_all_forms():
    torch.manual_seed(0)
    network = create_model("jiif_s", scale=4).eval()
    guide, depth = _images(4, cells=(4, 8), batch=2)
    dense = network(guide, depth)
    torch.testing.assert_close(network.upsample(guide, depth), dense, atol=1e-6, rtol=0)
    values, indices = network.sampled(guide, depth, 7)
    torch.testing.assert_close(values, dense.flatten(1).gather(1, indices), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_small_sibling_takes_at_most_150_gmac():
    guide, depth = _images(8, cells=(12, 16))
    with FlopCounterMode(display=False) as counter:
        create_model("jiif_s", scale=8).eval()(guide, depth)
    of_this_size = counter.get_total_flops() / 2
    assert of_this_size * 25 < 150e9  # 640 x 480 has 25 times the pixels
    assert of_this_size * 25 == pytest.approx(86e9, rel=0.02)  # what its docstring says


def test_small_sibling_says_which_sizes_it_takes():
    network = create_model("jiif_s", scale=4)
    with pytest.raises(ValueError, match="multiples of 2"):
        network.upsample(*_images(4, cells=(3, 4), size=(10, 12)))


@torch.inference_mode()
def test_upsamples_by_a_factor_that_is_no_integer():
    guide, depth = _images(cells=(4, 6), size=(10, 15))
    network = _network()
    output = network.upsample(guide, depth)
    assert output.shape == (1, 1, 10, 15)
    torch.testing.assert_close(output, _by_query(network, guide, depth), atol=1e-6, rtol=0)
    by_position = network.query(guide, depth, _centres(10, 15))
    torch.testing.assert_close(output.flatten(1), by_position, atol=1e-6, rtol=0)


@torch.inference_mode()
def test_upsampling_by_two_and_a_half_mirrors_with_its_input():
    """No column is off by one: where no pixel meets a cell's centre, mirrored images give mirrored depth."""
    network = _network()
    for module in network.modules():  # mirror-symmetric filters, and no say for the sign of the column
        if isinstance(module, torch.nn.Conv2d):
            module.weight.copy_((module.weight + module.weight.flip(-1)) / 2)
        if isinstance(module, PairFunction):
            module.layers[0].weight[:, -1] = 0
    guide, depth = _images(cells=(4, 4), size=(10, 10))
    mirrored = network.upsample(guide.flip(-1), depth.flip(-1)).flip(-1)
    torch.testing.assert_close(network.upsample(guide, depth), mirrored, atol=1e-5, rtol=0)


def test_a_position_on_a_cells_centre_takes_that_cell_and_the_next():
    pixels = AxisPositions.of_pixels(torch.arange(9), 9, 3)
    assert pixels.first.tolist() == [-1, 0, 0, 0, 1, 1, 1, 2, 2]
    coordinates = AxisPositions.of_coordinates((2 * torch.arange(9) + 1) / 9 - 1, 3)
    assert torch.equal(coordinates.first, pixels.first)
    torch.testing.assert_close(coordinates.position, pixels.position)


@torch.inference_mode()
def test_positions_outside_the_pixel_centres_are_answered():
    corners = torch.tensor([[[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]])
    assert _network().query(*_images(), corners).isfinite().all()


def test_wrong_positions_and_depth_say_what_was_expected():
    guide, depth = _images()
    with pytest.raises(ValueError, match=r"positions: expected \(1, N, 2\), found \(1, 5, 3\)"):
        _network().query(guide, depth, torch.zeros(1, 5, 3))
    with pytest.raises(ValueError, match=r"h <= 16 and w <= 20.*found \(1, 1, 17, 5\)"):
        _network().upsample(guide, torch.zeros(1, 1, 17, 5))


@torch.inference_mode()
@pytest.mark.parametrize("weights", _WEIGHTS)
def test_residual_form_adds_the_start_image(weights):
    guide, depth = _images()
    with_start, without = (_network(weights=weights, residual=r)(guide, depth) for r in (True, False))
    torch.testing.assert_close(with_start - without, resize_bicubic(depth, guide.shape[-2:]), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_bilinear_weights_interpolate():
    """With the plain cell number as value, bilinear weights give the position itself."""
    network = _network(weights="bilinear", residual=False)
    position, first = torch.tensor([[0.25, 1.5]]), torch.tensor([[0.0, 1.0]])
    cell = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[1.0, 2.0, 1.0, 2.0]])
    for axis in (0, 1):
        shares = network._interpolate(cell[axis].unsqueeze(-1), torch.zeros(1, 8), _shares(position - first))
        torch.testing.assert_close(shares, position[:, axis])


def _shares(fractions):
    row, column = fractions.unbind(-1)
    return torch.stack([(1 - row) * (1 - column), (1 - row) * column, row * (1 - column), row * column], dim=-1)


@torch.inference_mode()
def test_bgr_form_takes_the_channels_the_other_way_round():
    guide, depth = _images()
    rgb, bgr = (_network(guide_statistics=order)(guide, depth) for order in ("rgb", "bgr"))
    assert not torch.allclose(rgb, bgr)
    torch.testing.assert_close(_network(guide_statistics="bgr")(guide.flip(1), depth), rgb)


@torch.inference_mode()
def test_default_border_does_not_depend_on_the_size_of_the_image():
    """Cut out of a larger image, a corner whose receptive field is inside gives the same depth."""
    network = _network(2, width=4)
    guide, depth = _images(2, cells=(24, 24))
    whole, cut = network(guide, depth), network(guide[..., :32, :32], depth[..., :16, :16])
    torch.testing.assert_close(whole[..., :6, :6], cut[..., :6, :6], atol=1e-6, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("scale", [2, 3, 8])
def test_reduction_is_the_bicubic_one(scale):
    image = torch.rand(2, 3, 5 * scale, 7 * scale, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(PhaseReducer(scale)(image), resize_bicubic(image, (5, 7)), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_mixed_precision_stays_close():
    network, (guide, depth) = _network(), _images()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(guide, depth)
    assert mixed.dtype == torch.float32
    assert 0 < (mixed - network(guide, depth)).abs().max() < 0.05


@pytest.mark.parametrize("options", [{"weights": "both"}, {"guide_statistics": "grey"}, {"border": "edge"}])
def test_unknown_option_names_the_known_ones(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected one of"):
        _network(**options)


@torch.inference_mode()
def _golden():
    guide, depth = _images(cells=(3, 4))
    variants = {
        "default": {},
        "released": {"border": "zeros", "guide_statistics": "bgr"},
        **{weights: {"weights": weights, "residual": False} for weights in _WEIGHTS[1:]},
    }
    return {name: _network(**options)(guide, depth) for name, options in variants.items()}


def test_golden_tensors():
    stored = np.load(_GOLDEN)
    for name, tensor in _golden().items():
        torch.testing.assert_close(tensor, torch.from_numpy(stored[name]), atol=1e-5, rtol=0, msg=name)


if __name__ == "__main__":
    np.savez(_GOLDEN, **{name: tensor.numpy() for name, tensor in _golden().items()})

"""Imported DAGF weights do what the released network does, its filter by unfolding the enlarged features."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.released import ImportSettings, convert
from depth_sr_ros.models.weights import load_weights

_C, _LEVELS, _BLOCKS = 4, 3, 3


def _conv(shapes, name, outputs, inputs, size, active=True, layers=".layers"):
    shapes[f"{name}{layers}.weight"], shapes[f"{name}{layers}.bias"] = (outputs, inputs, size, size), (outputs,)
    if active:
        shapes[f"{name}.act.weight"] = (1,)


def _normed(shapes, name, outputs, inputs):
    _conv(shapes, name, outputs, inputs, 3)
    shapes[f"{name}.norm.w_0"], shapes[f"{name}.norm.w_1"] = (1,), (1,)
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{name}.norm.bn.{leaf}"] = (outputs,)
    shapes[f"{name}.norm.bn.num_batches_tracked"] = ()


def _pair(shapes, name, outputs, inputs, active=True):
    """Convolution and PReLU as the first two places of a sequence."""
    shapes[f"{name}.0.weight"], shapes[f"{name}.0.bias"] = (outputs, inputs, 3, 3), (outputs,)
    if active:
        shapes[f"{name}.1.weight"] = (1,)


def _level_shapes(shapes, n, blocks):
    up = f"up_sample.{n}"
    shapes[f"{up}.aff_scale_const"] = (1,)
    for kernel in ("depth_kernel", "guide_kernel"):
        _conv(shapes, f"{up}.{kernel}.0", _C, _C, 1)
        _conv(shapes, f"{up}.{kernel}.1", 9, _C, 1, active=False)
    _normed(shapes, f"{up}.weight_net.0", _C, 2 * _C)
    for part, outputs, inputs in (
        ("encoder_1", _C // 2, _C),
        ("encoder_2", _C, 2 * _C),
        ("feature_transform.0", 4 * _C, 4 * _C),
        ("feature_transform.1", 4 * _C, 4 * _C),
        ("decoder_1", 8 * _C, 4 * _C),
        ("decoder_2", 4 * _C, 2 * _C),
    ):
        _normed(shapes, f"{up}.weight_net.1.{part}", outputs, inputs)
    _normed(shapes, f"{up}.weight_net.2", 1, _C)
    for block in range(blocks):
        _conv(shapes, f"{up}.inputs_conv.{block}.layers.0", _C, _C, 3)
        _conv(shapes, f"{up}.inputs_conv.{block}.layers.1", _C, _C, 3, active=False)
        shapes[f"{up}.inputs_conv.{block}.act.weight"] = (1,)
    _pair(shapes, f"init_conv.{n}.layer1", _C, 1)
    shapes[f"init_conv.{n}.layer2.weight"] = (_C, _C if n == 0 else 2 * _C, 3, 3)
    shapes[f"init_conv.{n}.layer2.bias"] = (_C,)
    _pair(shapes, f"init_conv.{n}.layers", _C, 1)
    shapes[f"init_conv.{n}.layers.2.weight"], shapes[f"init_conv.{n}.layers.2.bias"] = (_C, _C, 3, 3), (_C,)
    for layer, outputs in (("layer1", _C), ("layer2", 1), ("layer3", _C)):
        _pair(shapes, f"p_layers.{n}.{layer}", outputs, _C)
    shapes[f"p_layers.{n}.res_scale.scale"] = (1,)


def _shapes(levels=_LEVELS, blocks=_BLOCKS):
    shapes = {}
    for modality, channels in (("depth", 1), ("guide", 3)):
        _conv(shapes, f"head.{modality}_head.0", _C, channels, 3, active=False)
        _conv(shapes, f"head.{modality}_head.1", _C, _C, 1)
        for n in range(levels - 1):
            _conv(shapes, f"{modality}_pyramid.{n}.layers.0", _C, _C, 3)
            _conv(shapes, f"{modality}_pyramid.{n}.layers.2", _C, 4 * _C, 1)
    for n in range(levels):
        _level_shapes(shapes, n, blocks)
    _conv(shapes, "tail_conv.0", _C, _C, 3)
    _conv(shapes, "tail_conv.1", 1, _C, 3)
    shapes["res_scale.scale"] = (1,)
    return shapes


class _Released:
    """The released forward pass on a dictionary of tensors."""

    def __init__(self, state):
        self.state = state

    def layer(self, name, x):
        """Convolution, adaptive normalisation and PReLU, as far as the layer has them."""
        weight = self.state[f"{name}.layers.weight"]
        x = F.conv2d(x, weight, self.state[f"{name}.layers.bias"], padding=weight.shape[-1] // 2)
        if f"{name}.norm.w_0" in self.state:
            norm = [self.state[f"{name}.norm.bn.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
            w_0, w_1 = self.state[f"{name}.norm.w_0"], self.state[f"{name}.norm.w_1"]
            x = w_0 * x + w_1 * F.batch_norm(x, *norm, eps=1e-3)
        slope = self.state.get(f"{name}.act.weight")
        return x if slope is None else F.prelu(x, slope)

    def pair(self, name, x):
        x = F.conv2d(x, self.state[f"{name}.0.weight"], self.state[f"{name}.0.bias"], padding=1)
        return F.prelu(x, self.state[f"{name}.1.weight"])

    def attention(self, net, x):
        x = self.layer(f"{net}.0", x)
        half = F.pixel_unshuffle(self.layer(f"{net}.1.encoder_1", x), 2)
        quarter = F.pixel_unshuffle(self.layer(f"{net}.1.encoder_2", half), 2)
        deep = self.layer(f"{net}.1.feature_transform.1", self.layer(f"{net}.1.feature_transform.0", quarter)) + quarter
        up = F.pixel_shuffle(self.layer(f"{net}.1.decoder_1", deep), 2)
        x = F.pixel_shuffle(self.layer(f"{net}.1.decoder_2", up + half), 2) + x
        return self.layer(f"{net}.2", x)

    def fuse(self, up, depth, guide, inputs):
        share = self.attention(f"{up}.weight_net", torch.cat((depth, guide), 1))
        kernels = []
        for name, features in (("depth_kernel", depth), ("guide_kernel", guide)):
            kernels.append(self.layer(f"{up}.{name}.1", self.layer(f"{up}.{name}.0", features)).softmax(1))
        kernel = torch.tanh(share * kernels[0] + (1 - share) * kernels[1])
        kernel = kernel / (self.state[f"{up}.aff_scale_const"] + 1e-8)
        total = kernel.abs().sum(1, keepdim=True) + 1e-4
        kernel = kernel / torch.where(total < 1, torch.ones_like(total), total)
        for block in range(_BLOCKS):
            name = f"{up}.inputs_conv.{block}"
            inner = self.layer(f"{name}.layers.1", self.layer(f"{name}.layers.0", inputs))
            inputs = F.prelu(inner + inputs, self.state[f"{name}.act.weight"])
        large = F.interpolate(inputs, scale_factor=2, mode="nearest")
        patches = F.unfold(large, 3, dilation=2, padding=2).reshape(1, _C, 9, *large.shape[-2:])
        return (patches * kernel.unsqueeze(1)).sum(2)

    def pyramid(self, modality, image):
        maps = [self.layer(f"head.{modality}_head.1", self.layer(f"head.{modality}_head.0", image))]
        for n in range(_LEVELS - 1):
            half = F.pixel_unshuffle(self.layer(f"{modality}_pyramid.{n}.layers.0", maps[-1]), 2)
            maps.append(self.layer(f"{modality}_pyramid.{n}.layers.2", half))
        return maps[::-1]

    def __call__(self, guide, depth, start):
        results, filtered = [], None
        for n, (depth_map, guide_map) in enumerate(
            zip(self.pyramid("depth", start), self.pyramid("guide", guide), strict=True)
        ):
            height, width = depth_map.shape[-2:]
            small = F.interpolate(depth, size=(height // 2, width // 2), mode="nearest")
            features = self.pair(f"init_conv.{n}.layer1", small)
            if filtered is not None:
                features = torch.cat((features, filtered), 1)
            fuse = self.state[f"init_conv.{n}.layer2.weight"], self.state[f"init_conv.{n}.layer2.bias"]
            filtered = self.fuse(f"up_sample.{n}", depth_map, guide_map, F.conv2d(features, *fuse, padding=1))
            results.append(filtered)
        head = None
        for n, result in enumerate(results):
            features = self.pair(f"p_layers.{n}.layer1", result)
            if head is not None:
                enlarged = F.interpolate(head, scale_factor=2, mode="nearest")
                mixed = self.state[f"p_layers.{n}.res_scale.scale"] * enlarged + features
                features = self.pair(f"p_layers.{n}.layer3", mixed)
            head = features
        return start + self.pair(f"p_layers.{_LEVELS - 1}.layer2", head)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@torch.no_grad()
def test_imported_weights_do_what_the_release_does(random_state, order):
    state = random_state(_shapes())
    network, report = convert("dagf", state, scale=8, settings=ImportSettings(channel_order=order))
    assert network.options["residual_blocks"] == _BLOCKS
    torch.manual_seed(1)
    guide, depth = torch.rand(1, 3, 32, 48), torch.rand(1, 1, 4, 6)
    seen = guide.flip(1) if order == "bgr" else guide
    start = resize_bicubic(depth, (32, 48))
    expected = _Released(state)(seen, depth, start)
    torch.testing.assert_close(network(guide, depth), expected, atol=1e-4, rtol=0)
    assert (expected - start).std() > 0.05


def test_names_the_tensors_without_effect(random_state):
    _, report = convert("dagf", random_state(_shapes()), scale=8)
    assert not report.unrecognised
    assert "tail_conv.0.layers.weight" in report.unused and "p_layers.0.res_scale.scale" in report.unused
    assert len(report.unused) == 5 * _LEVELS + 6 + 1 + 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_command_writes_an_artifact_that_an_engine_takes(random_state, import_by_command):
    state = random_state(_shapes(levels=1, blocks=1))
    artifact = import_by_command("dagf", state)
    options, unused = artifact.card.options, artifact.card.training["unused"]
    assert (options["channels"], options["levels"], options["residual_blocks"]) == (_C, 1, 1) and len(unused) == 16
    stored = load_weights(artifact.weights)
    assert torch.equal(stored["levels.0.generator.divisor"], state["up_sample.0.aff_scale_const"])

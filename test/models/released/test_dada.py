"""Imported DADA weights do what the released network does."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.released import ImportSettings, ReleasedError, convert
from depth_sr_ros.models.weights import load_weights

_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
_DECODER = ((3072, 256), (768, 128), (384, 64), (128, 32), (32, 16))
_GAIN, _STEPS = 2.5, 6


def _shapes():
    shapes = {"logk": ()}

    def layer(conv, norm, outputs, inputs, size):
        shapes[f"feature_extractor.1.{conv}.weight"] = (outputs, inputs, size, size)
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"feature_extractor.1.{norm}.{leaf}"] = (outputs,)
        shapes[f"feature_extractor.1.{norm}.num_batches_tracked"] = ()

    layer("encoder.conv1", "encoder.bn1", 64, 4, 7)
    inputs = 64
    for stage, (width, depth) in enumerate(_STAGES, start=1):
        for block in range(depth):
            place = f"encoder.layer{stage}.{block}"
            layer(f"{place}.conv1", f"{place}.bn1", width, inputs, 1)
            layer(f"{place}.conv2", f"{place}.bn2", width, width, 3)
            layer(f"{place}.conv3", f"{place}.bn3", 4 * width, width, 1)
            if block == 0:
                layer(f"{place}.downsample.0", f"{place}.downsample.1", 4 * width, inputs, 1)
            inputs = 4 * width
    for block, (inputs, outputs) in enumerate(_DECODER):
        layer(f"decoder.blocks.{block}.conv1.0", f"decoder.blocks.{block}.conv1.1", outputs, inputs, 3)
        layer(f"decoder.blocks.{block}.conv2.0", f"decoder.blocks.{block}.conv2.1", outputs, outputs, 3)
    shapes["feature_extractor.1.segmentation_head.0.weight"] = (64, 16, 3, 3)
    shapes["feature_extractor.1.segmentation_head.0.bias"] = (64,)
    return shapes


class _Features:
    """The released feature network on a dictionary of tensors."""

    def __init__(self, state):
        self.state = {name.removeprefix("feature_extractor.1."): tensor for name, tensor in state.items()}

    def layer(self, conv, norm, x, stride=1):
        weight = self.state[f"{conv}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        leaves = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(self.state[f"{norm}.{leaf}"] for leaf in leaves))

    def bottleneck(self, place, x, stride):
        inner = F.relu(self.layer(f"{place}.conv1", f"{place}.bn1", x))
        inner = F.relu(self.layer(f"{place}.conv2", f"{place}.bn2", inner, stride))
        inner = self.layer(f"{place}.conv3", f"{place}.bn3", inner)
        if f"{place}.downsample.0.weight" in self.state:
            x = self.layer(f"{place}.downsample.0", f"{place}.downsample.1", x, stride)
        return F.relu(inner + x)

    def __call__(self, image):
        x = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
        skips = [F.relu(self.layer("encoder.conv1", "encoder.bn1", x, 2))]
        x = F.max_pool2d(skips[0], 3, 2, 1)
        for stage, (_, depth) in enumerate(_STAGES, start=1):
            for block in range(depth):
                x = self.bottleneck(f"encoder.layer{stage}.{block}", x, 2 if stage > 1 and block == 0 else 1)
            skips.append(x)
        x = skips.pop()
        for block in range(len(_DECODER)):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = torch.cat((x, skips.pop()), 1) if skips else x
            for conv in ("conv1", "conv2"):
                place = f"decoder.blocks.{block}.{conv}"
                x = F.relu(self.layer(f"{place}.0", f"{place}.1", x))
        head = (self.state[f"segmentation_head.0.{leaf}"] for leaf in ("weight", "bias"))
        return F.avg_pool2d(F.conv2d(x, *head, padding=1), 2)


def _released(state, guide, source, start):
    """In the release's units; a fixed number of plain steps."""
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    features = _Features(state)(torch.cat(((guide - mean) / deviation, start - start.mean()), 1))
    kappa = state["logk"].exp()
    down, right = (1 / (1 + features.diff(dim=dim).abs().mean(1, keepdim=True) ** 2 / kappa**2) for dim in (2, 3))
    image, scale = start, start.shape[-1] // source.shape[-1]
    for _ in range(_STEPS):
        new = image.clone()
        flow = 0.24 * down * image.diff(dim=2)
        new[:, :, 1:] -= flow
        new[:, :, :-1] += flow
        flow = 0.24 * right * image.diff(dim=3)
        new[..., 1:] -= flow
        new[..., :-1] += flow
        ratio = source / (F.avg_pool2d(new, scale) + 1e-8)
        image = new * F.interpolate(ratio, scale_factor=scale, mode="nearest")
    return image


@torch.no_grad()
def test_imported_weights_do_what_the_release_does(random_state):
    state = random_state(_shapes())
    options = {"solver": "plain", "iterations": _STEPS - 2, "gradient_iterations": 2}
    network, report = convert("dada", state, scale=4, settings=ImportSettings(depth_gain=_GAIN, options=options))
    assert report.used == len(state) and not (report.unused or report.unrecognised or report.defaulted)
    torch.manual_seed(1)
    guide, depth = torch.rand(1, 3, 32, 32), 0.3 + 0.7 * torch.rand(1, 1, 8, 8)
    start = resize_bicubic(depth, (32, 32))
    expected = _released(state, guide, _GAIN * depth, _GAIN * start) / _GAIN
    torch.testing.assert_close(network(guide, depth), expected, atol=2e-5, rtol=0)
    assert (expected - start).abs().max() > 0.01


def test_gain_of_depth_has_to_be_told(random_state):
    with pytest.raises(ReleasedError, match="depth_gain.*1.38605 m"):
        convert("dada", {"logk": torch.tensor(0.0)}, scale=8)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_command_writes_an_artifact_that_an_engine_takes(random_state, import_by_command):
    """Few steps at the image's own size: as many operators as in full, in less time."""
    state = random_state(_shapes())
    options = ("--option", "accelerated_iterations=24", "--option", "network_resolution=1")
    artifact = import_by_command("dada", state, "--depth-gain", str(_GAIN), *options)
    assert artifact.card.options["solver"] == "accelerated" and artifact.card.options["network_resolution"] == 1
    first = load_weights(artifact.weights)["network.encoder.conv1.weight"]
    theirs = state["feature_extractor.1.encoder.conv1.weight"]
    assert torch.equal(first[:, :3], theirs[:, :3]) and torch.equal(first[:, 3], _GAIN * theirs[:, 3])

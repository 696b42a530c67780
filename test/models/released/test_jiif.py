"""Imported JIIF weights do what the released network does: four nearest look-ups per query, zeros outside the map."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.jiif import pairs as jiif_pairs
from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.released import ImportSettings, convert

_WIDTH, _BLOCKS, _HIDDEN = 6, 2, (10, 8)


def _shapes():
    shapes = {}
    for encoder, channels in (("image_encoder", 3), ("depth_encoder", 1)):
        for part in ("sub_mean", "add_mean"):
            shapes[f"{encoder}.{part}.weight"], shapes[f"{encoder}.{part}.bias"] = (3, 3, 1, 1), (3,)
        places = ["head.0", *(f"body.{n}.body.{p}" for n in range(_BLOCKS) for p in (0, 2)), f"body.{_BLOCKS}"]
        for place in places:
            inputs = channels if place == "head.0" else _WIDTH
            shapes[f"{encoder}.{place}.weight"], shapes[f"{encoder}.{place}.bias"] = (_WIDTH, inputs, 3, 3), (_WIDTH,)
    widths = (3 * _WIDTH + 2, *_HIDDEN, 2)
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
        shapes[f"imnet.layers.{2 * number}.weight"] = (outputs, inputs)
        shapes[f"imnet.layers.{2 * number}.bias"] = (outputs,)
    return shapes


def _encode(state, encoder, image):
    def layer(place, x):
        return F.conv2d(x, state[f"{encoder}.{place}.weight"], state[f"{encoder}.{place}.bias"], padding=1)

    head = layer("head.0", image)
    deep = head
    for n in range(_BLOCKS):
        deep = deep + layer(f"body.{n}.body.2", F.relu(layer(f"body.{n}.body.0", deep)))
    return head + layer(f"body.{_BLOCKS}", deep)


def _centres(size):
    rows, columns = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in size)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).unsqueeze(0)


def _nearest(maps, positions):
    return F.grid_sample(maps, positions.flip(-1), mode="nearest", align_corners=False).permute(0, 2, 3, 1)


def _perceptron(state, x):
    for number in range(len(_HIDDEN) + 1):
        weight, bias = state[f"imnet.layers.{2 * number}.weight"], state[f"imnet.layers.{2 * number}.bias"]
        x = F.linear(x if number == 0 else F.relu(x), weight, bias)
    return x


def _released(state, bgr, depth):
    size, cells = bgr.shape[-2:], depth.shape[-2:]
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    fine, coarse = ((m - mean) / deviation for m in (bgr, resize_bicubic(bgr, cells)))
    fine, coarse = _encode(state, "image_encoder", fine), _encode(state, "image_encoder", coarse)
    latent, query = _encode(state, "depth_encoder", depth), _centres(size)
    at_query, cell_centres = _nearest(fine, query), _centres(cells).permute(0, 3, 1, 2)
    pairs = []
    for row in (-1, 1):
        for column in (-1, 1):
            near = query + torch.tensor([row / cells[0], column / cells[1]])
            relative = (query - _nearest(cell_centres, near)) * torch.tensor([float(n) for n in cells])
            parts = (_nearest(latent, near), at_query, at_query - _nearest(coarse, near), relative)
            pairs.append(_perceptron(state, torch.cat(parts, dim=-1)))
    values, logits = torch.stack(pairs, dim=-1).unbind(dim=-2)
    weighted = (values * logits.softmax(-1)).sum(-1)
    return resize_bicubic(depth, size) + weighted.unsqueeze(1)


@torch.no_grad()
def test_imported_weights_do_what_the_release_does(random_state):
    state = random_state(_shapes())
    network, report = convert("jiif", state, scale=4)
    assert len(report.unused) == 8 and not report.unrecognised
    torch.manual_seed(1)
    guide, depth = torch.rand(1, 3, 12, 20), torch.rand(1, 1, 3, 5)
    expected = _released(state, guide.flip(1), depth)
    torch.testing.assert_close(network(guide, depth), expected, atol=2e-5, rtol=0)
    assert (expected - resize_bicubic(depth, (12, 20))).std() > 0.02


@torch.no_grad()
def test_channel_order_can_be_told(random_state):
    state = random_state(_shapes())
    network, _ = convert("jiif", state, scale=4, settings=ImportSettings(channel_order="rgb"))
    guide, depth = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 2, 2)
    torch.testing.assert_close(network(guide, depth), _released(state, guide, depth), atol=2e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_command_writes_an_artifact_that_an_engine_takes(random_state, import_by_command, monkeypatch):
    monkeypatch.setattr(jiif_pairs, "_PARTS", 4)  # they are all alike, and each costs seconds of tracing
    artifact = import_by_command("jiif", random_state(_shapes()))
    assert artifact.card.options["border"] == "zeros" and tuple(artifact.card.options["hidden"]) == _HIDDEN

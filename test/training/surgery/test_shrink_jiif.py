"""A shrunk JIIF begins with what a trained one has learnt."""

import pytest
import torch
from torch.nn import functional as F

from depth_sr_ros.models import create_model
from training.surgery.shrink_jiif import shrink_jiif

_HIDDEN = [16, 12, 8]


def _network(hidden=_HIDDEN, **options):
    torch.manual_seed(len(hidden))
    return create_model("jiif", scale=4, width=8, blocks=1, hidden=hidden, **options).eval()


def _inputs():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, 24, 32, generator=generator), torch.rand(1, 1, 6, 8, generator=generator)


@torch.inference_mode()
def _output(network):
    return network(*_inputs())


def test_as_large_means_the_same_function():
    wide, same = _network(), _network()
    torch.nn.init.normal_(same.depth_encoder.head.weight)
    shrink_jiif(wide, same)
    assert torch.equal(_output(same), _output(wide))


def test_units_that_nobody_reads_are_the_ones_that_go():
    wide, narrow = _network(), _network([10, 6, 7])
    layers = wide.functions[0].layers
    for reader, kept in zip(layers[1:], [10, 6, 7], strict=True):
        reader.weight.data[:, torch.randperm(reader.in_features)[kept:]] = 0
    shrink_jiif(wide, narrow)
    torch.testing.assert_close(_output(narrow), _output(wide), atol=1e-5, rtol=0)


def test_a_layer_less_becomes_part_of_the_last_one():
    """Exact where the layers that are joined have nothing negative between them."""
    wide, narrow = _network(), _network([16, 12])
    third = wide.functions[0].layers[2]
    third.weight.data.abs_()
    third.bias.data.abs_()
    shrink_jiif(wide, narrow)
    torch.testing.assert_close(_output(narrow), _output(wide), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_guide_encoder_at_half_of_the_resolution_begins_with_the_features_of_the_reduced_guide():
    wide, narrow = _network(), _network(guide_stride=2)
    shrink_jiif(wide, narrow)
    guide = _inputs()[0]
    expected = F.interpolate(wide.guide_encoder(F.avg_pool2d(guide, 2)), scale_factor=2, mode="nearest")
    torch.testing.assert_close(narrow.guide_encoder(guide), expected, atol=1e-5, rtol=0)


def test_wider_deeper_or_other_options_are_refused():
    for wide, narrow in (
        (_network(), _network([17, 12, 8])),
        (_network(), _network([16, 12, 8, 4])),
        (_network(), _network(residual=False)),
        (_network(guide_stride=2), _network(guide_stride=2)),
    ):
        with pytest.raises(ValueError, match="same options whose perceptron"):
            shrink_jiif(wide, narrow)

"""What every registered network must do."""

import pytest
import torch

from depth_sr_ros.models import create_model, list_models
from depth_sr_ros.models.registry import register_model


def _inputs(scale=8, cells=(4, 6)):
    generator = torch.Generator().manual_seed(0)
    guide = torch.rand(2, 3, cells[0] * scale, cells[1] * scale, generator=generator)
    return guide, torch.rand(2, 1, *cells, generator=generator)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("scale", [4, 8, 16])
def test_output_has_the_guides_size_and_no_nan(name, scale):
    guide, depth = _inputs(scale)
    output = create_model(name, scale=scale).eval()(guide, depth)
    assert output.shape == (2, 1, *guide.shape[-2:])
    assert output.isfinite().all()


@pytest.mark.parametrize("name", list_models())
def test_every_parameter_gets_a_gradient(name):
    guide, depth = _inputs()
    network = create_model(name, scale=8).train()
    network(guide, depth).square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@pytest.mark.parametrize("name", list_models())
def test_options_rebuild_the_same_structure(name):
    network = create_model(name, scale=4)
    again = create_model(name, **network.options)
    again.load_state_dict(network.state_dict())
    assert again.options == network.options


@pytest.mark.parametrize("name", list_models())
def test_wrong_depth_size_says_expected_and_found(name):
    guide, depth = _inputs()
    with pytest.raises(ValueError, match=r"expected \(2, 1, 4, 6\).*found \(2, 1, 4, 5\)"):
        create_model(name, scale=8)(guide, depth[..., :5])


def test_unknown_name_proposes_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'fdkn'"):
        create_model("fdnk")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="already taken"):
        register_model("fdkn")(type("Other", (), {}))


def test_patterns_select_names():
    assert "fdkn" in list_models("f*")
    assert list_models("no such*") == []

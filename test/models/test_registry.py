"""What every registered network must do."""

import fnmatch

import pytest
import torch

from depth_sr_ros.models import GuidedUpsampler, create_model, list_models
from depth_sr_ros.models.registry import register_model


def _inputs(scale=8):
    generator = torch.Generator().manual_seed(0)
    guide = torch.rand(2, 3, 64, 128, generator=generator)
    return guide, torch.rand(2, 1, 64 // scale, 128 // scale, generator=generator)


@pytest.mark.parametrize(("name", "parameters"), [("fdkn_s", 209_216), ("jiif_s", 1_340_530)])
def test_parameter_counts_of_the_small_siblings(name, parameters):
    """Those of the papers' networks are in their own tests."""
    assert sum(p.numel() for p in create_model(name).parameters()) == parameters


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
    outputs = network.training_outputs(guide, depth)
    torch.stack([output.square().sum() for output in outputs.values()]).sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@pytest.mark.parametrize("name", list_models())
def test_options_rebuild_the_same_structure(name):
    network = create_model(name, scale=4)
    again = create_model(name, **network.options)
    again.load_state_dict(network.state_dict())
    assert again.options == network.options


@pytest.mark.parametrize("name", list_models())
def test_parts_that_keep_a_precision_are_there(name):
    network = create_model(name, scale=8)
    modules = [module for module, _ in network.named_modules()]
    for part in (*network.float32_parts, *network.half_parts):
        assert fnmatch.filter(modules, part), part


@pytest.mark.parametrize("name", list_models())
def test_wrong_depth_size_says_expected_and_found(name):
    guide, depth = _inputs()
    with pytest.raises(ValueError, match=r"expected \(2, 1, 8, 16\).*found \(2, 1, 8, 15\)"):
        create_model(name, scale=8)(guide, depth[..., :15])


@pytest.mark.parametrize("name", list_models())
def test_training_outputs_hold_what_forward_returns(name):
    guide, depth = _inputs()
    network = create_model(name, scale=8).eval()
    with torch.inference_mode():
        outputs = network.training_outputs(guide, depth)
        torch.testing.assert_close(outputs["depth"], network(guide, depth))
    assert tuple(outputs) == network.output_names


_DECLARED = {"samples_pixels": ("sampled",), "any_position": ("query", "upsample")}


@pytest.mark.parametrize("name", list_models())
def test_a_network_declares_the_forms_that_it_has_and_no_others(name):
    network = create_model(name, scale=8)
    for capability, methods in _DECLARED.items():
        overridden = {getattr(type(network), method) is not getattr(GuidedUpsampler, method) for method in methods}
        assert overridden == {getattr(network, capability)}, capability
    outputs_declared = type(network).training_outputs is not GuidedUpsampler.training_outputs
    assert outputs_declared or network.output_names == ("depth",)


@pytest.mark.parametrize("name", [n for n in list_models() if not create_model(n, scale=8).any_position])
def test_a_form_that_a_network_lacks_is_refused_by_name(name):
    network, (guide, depth) = create_model(name, scale=8), _inputs()
    with pytest.raises(ValueError, match="whole images at scale 8 only; expected a network with `any_position`"):
        network.query(guide, depth, torch.zeros(2, 5, 2))
    with pytest.raises(ValueError, match="`any_position`"):
        network.upsample(guide, depth)
    if not network.samples_pixels:
        with pytest.raises(ValueError, match="`samples_pixels`"):
            network.sampled(guide, depth, 5)


@pytest.mark.parametrize("name", list_models())
def test_the_deployed_form_computes_the_same(name):
    guide, depth = _inputs()
    network = create_model(name, scale=8).eval()
    with torch.inference_mode():
        torch.testing.assert_close(network.deployed()(guide, depth), network(guide, depth))


@pytest.mark.parametrize("name", list_models())
def test_parameter_groups_hold_every_parameter_once(name):
    network = create_model(name, scale=8)
    grouped = [id(p) for group in network.parameter_groups().values() for p in group]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def test_unknown_name_proposes_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'fdkn'"):
        create_model("fdnk")


@pytest.mark.parametrize("name", ["dagf", "fdkn_s", "jiif_s"])
def test_unknown_option_is_named_with_those_that_there_are(name):
    """The small siblings hand options on to the networks that they are made of."""
    with pytest.raises(ValueError, match=f"unknown option 'residuall' of {name}: expected some of .*'scale'"):
        create_model(name, residuall=True)


def test_misspelt_option_proposes_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'width'"):
        create_model("jiif_s", widht=64)


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="already taken"):
        register_model("fdkn")(type("Other", (), {}))


def test_patterns_select_names():
    assert "fdkn" in list_models("f*")
    assert list_models("no such*") == []

"""A DADA with fewer encoder levels begins with what a trained one has learnt."""

import pytest
import torch
from safetensors.torch import save_file

from depth_sr_ros.models import create_model
from training.recipes.provenance import provenance_of
from training.surgery.shrink import shrink_run
from training.surgery.shrink_dada import shrink_dada


def _network(encoder_levels, **options):
    """With statistics and gains as a trained network has them."""
    torch.manual_seed(encoder_levels)
    network = create_model("dada", scale=8, network_resolution=1, encoder_levels=encoder_levels, **options).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.uniform_(0.1, 0.5)
    return network


@torch.inference_mode()
def _features(network):
    """Of an image, far from its border."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 4, 160, 160, generator=generator)
    return network.network.head(network.network(image))[..., 40:120, 40:120]


def test_as_deep_means_the_same_function():
    deep, same = _network(4), _network(4)
    torch.nn.init.normal_(same.network.head.weight)
    shrink_dada(deep, same)
    assert torch.equal(_features(same), _features(deep))


@pytest.mark.parametrize("levels", [3, 4])
def test_stages_that_give_a_constant_are_left_out_without_a_loss(levels):
    """A gain of zero behind the last block left out: nothing but its shift goes on."""
    deep, shallow = _network(5), _network(levels)
    norm = deep.network.decoder.blocks[4 - levels].conv2[1]
    norm.weight.data.zero_()
    before = _features(deep)
    shrink_dada(deep, shallow)
    torch.testing.assert_close(_features(shallow), before, rtol=1e-4, atol=1e-4)


def test_a_mean_stands_for_what_varies():
    """The mean behind ReLU of what the normalisation says, not the shift alone."""
    deep, shallow = _network(4), _network(3)
    norm = deep.network.decoder.blocks[0].conv2[1]
    norm.weight.data.fill_(-2.0)
    norm.bias.data.fill_(0.5)
    shrink_dada(deep, shallow)
    values = torch.relu(0.5 + 2.0 * torch.randn(2_000_000, generator=torch.Generator().manual_seed(0)))
    reader, filled = deep.network.decoder.blocks[1].conv1, shallow.network.decoder.blocks[0].conv1
    expected = reader[0].weight[:, : len(norm.weight)].sum(dim=(1, 2, 3)) * values.mean()
    torch.testing.assert_close(reader[1].running_mean - filled[1].running_mean, expected, rtol=5e-3, atol=5e-3)


def test_deeper_or_other_options_are_refused():
    with pytest.raises(ValueError, match="no more encoder_levels"):
        shrink_dada(_network(3), _network(4))
    with pytest.raises(ValueError, match="same options"):
        shrink_dada(_network(4), _network(3, coefficients="paper"))


def test_weights_say_how_they_were_made(tmp_path):
    for name, levels in (("deep", 4), ("shallow", 3)):
        options = f"{{network_resolution: 1, encoder_levels: {levels}}}"
        (tmp_path / f"{name}.yaml").write_text(f"model: dada\nscale: 8\nmodel_options: {options}\n")
    (tmp_path / "run").mkdir()
    save_file(_network(4).state_dict(), tmp_path / "run" / "weights.safetensors")
    (tmp_path / "run" / "training.json").write_text('{"steps": 7}')
    shrink_run(tmp_path / "deep.yaml", tmp_path / "run", tmp_path / "shallow.yaml", tmp_path / "out")
    before, last = provenance_of(tmp_path / "out" / "weights.safetensors").stages
    assert before["steps"] == 7 and "shrink --recipe shallow --wide-recipe deep" in last["command"]
    assert last["shrunk"] == "from {'encoder_levels': 4} to {'encoder_levels': 3}; the mean of what is left out"

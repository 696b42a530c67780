"""A shrunk network keeps what a trained one uses."""

import pytest
import torch
from safetensors.torch import save_file

from depth_sr_ros.models import create_model
from training.recipes.provenance import provenance_of, sha256_of
from training.surgery.shrink import shrink, shrink_run

_WIDE, _NARROW = (8, 8, 8, 8, 16, 16), (8, 4, 6, 8, 8, 4)


def _network(widths, **options):
    torch.manual_seed(sum(widths))
    network = create_model("fdkn", scale=4, widths=widths, **options)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.weight.data.uniform_(0.5, 1.5)
    return network.eval()


def _output(network):
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        return network(torch.rand(1, 3, 24, 32, generator=generator), torch.rand(1, 1, 6, 8, generator=generator))


def test_as_wide_means_the_same_function():
    wide, same = _network(_WIDE), create_model("fdkn", scale=4, widths=_WIDE).eval()
    shrink(wide, same)
    assert torch.equal(_output(same), _output(wide))


@pytest.mark.parametrize("guide", ["colour", "none"])
def test_channels_that_nobody_reads_are_the_ones_that_go(guide):
    wide, narrow = _network(_WIDE, guide=guide), create_model("fdkn", scale=4, widths=_NARROW, guide=guide).eval()
    branches = [b for b in (wide.guide_branch, wide.depth_branch) if b is not None]
    for branch in branches:
        convolutions = [m for m in branch.features if isinstance(m, torch.nn.Conv2d)]
        readers = [[c] for c in convolutions[1:]] + [[branch.weight_head, branch.offset_head]]
        for reading, kept in zip(readers, _NARROW, strict=True):
            unread = torch.randperm(reading[0].in_channels)[kept:]
            for reader in reading:
                reader.weight.data[:, unread] = 0
    shrink(wide, narrow)
    torch.testing.assert_close(_output(narrow), _output(wide), atol=1e-6, rtol=0)


def test_wider_or_other_options_are_refused():
    with pytest.raises(ValueError, match="nowhere wider"):
        shrink(_network(_NARROW), _network(_WIDE))
    with pytest.raises(ValueError, match="same options"):
        shrink(_network(_WIDE), _network(_NARROW, residual=False))


def test_weights_say_how_they_were_made(tmp_path):
    for name, widths in (("wide", _WIDE), ("narrow", _NARROW)):
        text = f"model: fdkn\nscale: 4\nmodel_options: {{widths: {list(widths)}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "run").mkdir()
    save_file(_network(_WIDE).state_dict(), tmp_path / "run" / "weights.safetensors")
    (tmp_path / "run" / "training.json").write_text('{"steps": 7}')
    shrink_run(tmp_path / "wide.yaml", tmp_path / "run", tmp_path / "narrow.yaml", tmp_path / "out")
    before, last = provenance_of(tmp_path / "out" / "weights.safetensors").stages
    assert (before["kind"], before["steps"], last["kind"], last["parents"]) == ("train", 7, "shrink", [before["id"]])
    assert last["start_weights"] == [sha256_of(tmp_path / "run" / "weights.safetensors")]
    assert "shrink --recipe narrow --wide-recipe wide" in last["command"]


def test_an_artifact_is_taken_in_the_place_of_a_run(tmp_path, artifact):
    (tmp_path / "wide.yaml").write_text("model: fdkn\nscale: 8\n")
    (tmp_path / "narrow.yaml").write_text("model: fdkn_s\nscale: 8\n")
    shrink_run(tmp_path / "wide.yaml", artifact.folder, tmp_path / "narrow.yaml", tmp_path / "out")
    stages = provenance_of(tmp_path / "out" / "weights.safetensors").stages
    assert stages[:-1] == provenance_of(artifact.weights).stages
    assert stages[-1]["start_weights"] == [artifact.card.files["weights.safetensors"]]

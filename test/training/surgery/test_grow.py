"""A grown network computes what the narrow one computes."""

import json

import pytest
import torch
from safetensors.torch import save_file

from depth_sr_ros.models import create_model
from training.recipes.provenance import provenance_of
from training.surgery.grow import grow, grow_run


def _network(width, blocks, hidden, **options):
    torch.manual_seed(width)
    return create_model("jiif", scale=4, width=width, blocks=blocks, hidden=hidden, **options).eval()


def _frame():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, 16, 32, generator=generator), torch.rand(1, 1, 4, 8, generator=generator)


def _grown(narrow, wide, seed=0):
    wide.load_state_dict(grow(narrow, wide, torch.Generator().manual_seed(seed)))
    return wide


@pytest.mark.parametrize(
    "options",
    [{}, {"guide_stride": 2}, {"guide_stride": 4},
     {"weights": "regression"}, {"weights": "separate"}, {"weights": "bilinear"},
     {"residual": False, "border": "zeros", "guide_statistics": "bgr", "guide_stride": 2, "weights": "separate"}],
    ids=str,
)  # fmt: skip
def test_the_function_stays(options):
    narrow = _network(8, 2, (16, 8), **options)
    wide = _grown(narrow, _network(16, 6, (64, 16), **options))
    with torch.inference_mode():
        torch.testing.assert_close(wide(*_frame()), narrow(*_frame()), atol=1e-5, rtol=1e-4)


def test_grown_weights_say_how_they_were_made(tmp_path):
    for name, width in (("narrow", 8), ("wide", 16)):
        options = f"{{width: {width}, blocks: 1, hidden: [16]}}"
        (tmp_path / f"{name}.yaml").write_text(f"model: jiif\nscale: 4\nmodel_options: {options}\n")
    (tmp_path / "run").mkdir()
    save_file(_network(8, 1, (16,)).state_dict(), tmp_path / "run" / "weights.safetensors")
    (tmp_path / "run" / "training.json").write_text(json.dumps({"command": "python -m training train --recipe narrow"}))
    grow_run(tmp_path / "narrow.yaml", tmp_path / "run", tmp_path / "wide.yaml", tmp_path / "run" / "grown")
    stages = provenance_of(tmp_path / "run" / "grown" / "weights.safetensors").stages
    assert [stage["command"] for stage in stages] == [
        "python -m training train --recipe narrow",
        "python -m training grow --recipe wide --narrow-recipe narrow --run RUN --out RUN/grown",
    ]


def test_copies_of_a_channel_receive_different_gradients():
    wide = _grown(_network(8, 2, (16, 8)), _network(16, 2, (32, 8))).train()
    wide(*_frame()).square().mean().backward()
    gradient = wide.guide_encoder.blocks[0].first.weight.grad
    assert not torch.allclose(gradient[:8], gradient[8:], rtol=1e-2)


def test_new_blocks_can_learn():
    wide = _grown(_network(8, 2, (16, 8)), _network(16, 4, (32, 8))).train()
    wide(*_frame()).square().mean().backward()
    assert wide.guide_encoder.blocks[1].second.weight.grad.abs().max() > 0


def test_widths_must_be_multiples():
    with pytest.raises(ValueError, match="12 is no multiple of the narrow network's 8"):
        _grown(_network(8, 2, (16, 8)), _network(12, 2, (16, 8)))


@pytest.mark.parametrize("options", [{"guide_stride": 2}, {"weights": "regression"}, {"residual": False}])
def test_other_options_must_be_equal(options):
    with pytest.raises(ValueError, match=rf"same options but \['blocks', .*'{next(iter(options))}'.* differ"):
        _grown(_network(8, 2, (16, 8)), _network(16, 2, (16, 8), **options))


def test_weights_must_be_those_of_the_narrow_recipe(tmp_path):
    for name, width in (("narrow", 8), ("wide", 16)):
        options = f"{{width: {width}, blocks: 2, hidden: [16]}}"
        (tmp_path / f"{name}.yaml").write_text(f"model: jiif\nscale: 4\nmodel_options: {options}\n")
    save_file(_network(8, 1, (16,)).state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"expected the weights of jiif .* found \d+ missing: .*blocks.1"):
        grow_run(tmp_path / "narrow.yaml", tmp_path, tmp_path / "wide.yaml", tmp_path / "grown")


def test_perceptrons_must_be_of_one_depth():
    with pytest.raises(ValueError, match="hidden layers"):
        _grown(_network(8, 2, (16, 8)), _network(8, 2, (16, 16, 8)))

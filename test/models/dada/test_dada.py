"""DADA: its size, its hold on the source, its options, its way into other runtimes.

`python test/models/test_dada.py` writes the golden tensors anew.
"""

from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.dada.dada import DADA
from depth_sr_ros.models.dada.diffusion import edge_coefficients, iterate
from depth_sr_ros.models.layers.interpolation import resize_bicubic

_GOLDEN = Path(__file__).parents[1] / "golden" / "dada.npz"


def _inputs(cells=(4, 8), scale=8, batch=1):
    """Planes with a step between them, and a guide whose brightness follows depth."""
    rng = np.random.default_rng(0)
    height, width = cells[0] * scale, cells[1] * scale
    y, x = np.mgrid[:height, :width] / scale
    near = x + 0.4 * y < 0.55 * cells[1]
    depth = np.where(near, 0.1 + 0.02 * y, 0.9 - 0.03 * x)
    guide = depth[None] * np.array([0.8, 0.6, 0.9])[:, None, None] + rng.normal(0, 0.01, (3, height, width))
    depth, guide = (torch.from_numpy(a.astype(np.float32)) for a in (depth, guide))
    depth = depth.expand(batch, 1, -1, -1).contiguous()
    return guide.clamp(0, 1).expand(batch, -1, -1, -1).contiguous(), F.avg_pool2d(depth, scale), depth


def _network(**options):
    """Small numbers of steps unless asked for others; the same weights every time."""
    torch.manual_seed(0)
    return DADA(**{"iterations": 20, "gradient_iterations": 4, "network_resolution": 1, **options}).eval()


def test_parameter_count_is_the_published_one():
    network = DADA()
    assert network.network is not None
    counts = [
        sum(p.numel() for p in m.parameters()) for m in (network, network.network.encoder, network.network.decoder)
    ]
    assert counts == [32_533_377, 23_511_168, 9_012_928]


@pytest.mark.parametrize(("levels", "multiple", "count"), [(4, 16, 10_784_641), (3, 8, 1_990_017)])
def test_a_shallower_encoder_leaves_out_stages_and_the_blocks_that_read_them(levels, multiple, count):
    network = _network(encoder_levels=levels)
    assert network.size_multiple == multiple and sum(p.numel() for p in network.parameters()) == count
    guide, depth_lr, _ = _inputs(cells=(3, 5) if levels == 3 else (2, 4))
    with torch.inference_mode():
        result = network(guide, depth_lr)
    torch.testing.assert_close(F.avg_pool2d(result, 8), depth_lr, rtol=0, atol=1e-6)


def test_defaults_are_the_released_ones():
    network = DADA()
    assert (network.iterations, network.gradient_iterations, network.network_resolution) == (8000, 1024, 2)
    assert (network.solver, network.training_solver, network.coefficients) == ("plain", "plain", "code")
    assert network.log_kappa.exp().item() == pytest.approx(0.03)
    assert network.size_multiple == 16


def test_layers_carry_the_names_of_published_weights():
    names = set(DADA().state_dict())
    assert {"log_kappa", "network.head.weight", "network.encoder.layer3.5.conv2.weight"} <= names
    assert {"network.encoder.layer1.0.downsample.0.weight", "network.decoder.blocks.4.conv2.1.running_var"} <= names


@pytest.mark.parametrize("solver", ["plain", "accelerated"])
@pytest.mark.parametrize("learned", [True, False])
def test_block_means_of_the_result_are_the_low_resolution_depth(solver, learned):
    guide, depth_lr, _ = _inputs()
    with torch.inference_mode():
        result = _network(solver=solver, learned=learned)(guide, depth_lr)
    torch.testing.assert_close(F.avg_pool2d(result, 8), depth_lr, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("lowest", "lift"), [(0.2, 0.0), (0.05, 0.1), (-0.07, 0.17)])
def test_learning_free_variant_is_the_plain_iteration_at_a_positive_height(lowest, lift):
    guide, depth_lr, _ = _inputs()
    depth_lr = depth_lr - depth_lr.min() + lowest
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    source, start = depth_lr + lift, resize_bicubic(depth_lr, guide.shape[2:]) + lift
    normalised = (guide - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)
    coefficients = edge_coefficients(torch.cat([normalised, start], dim=1), 0.03)
    expected = iterate(start, source, coefficients, 8, 100) - lift
    network = _network(learned=False, iterations=100)
    torch.testing.assert_close(network(guide, depth_lr), expected, rtol=0, atol=1e-5)
    assert list(network.parameters()) == []


def test_learning_free_variant_beats_bicubic_where_the_guide_shows_the_edge():
    guide, depth_lr, depth = _inputs()
    result = _network(learned=False, solver="accelerated")(guide, depth_lr)
    bicubic = resize_bicubic(depth_lr, guide.shape[2:])
    assert (result - depth).abs().mean() < 0.5 * (bicubic - depth).abs().mean()


def test_evaluation_takes_pre_iterations_and_gradient_iterations():
    guide, depth_lr, _ = _inputs()
    with torch.inference_mode():
        split = _network(iterations=20, gradient_iterations=4)(guide, depth_lr)
        joined = _network(iterations=24, gradient_iterations=0)(guide, depth_lr)
    assert torch.equal(split, joined)


@pytest.mark.parametrize("resolution", [1, 2])
def test_pooled_head_equals_head_then_pooling(resolution):
    network = _network(network_resolution=resolution).network
    assert network is not None
    decoded = torch.randn(1, 16, 12, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.pooled_head(decoded), F.avg_pool2d(network.head(decoded), 2), rtol=0, atol=1e-5)


def test_start_of_the_diffusion_does_not_change_where_it_ends():
    guide, depth_lr, _ = _inputs()
    results = [
        _network(learned=False, solver="accelerated", accelerated_iterations=600, initialisation=start)(guide, depth_lr)
        for start in ("bicubic", "nearest", "constant")
    ]
    torch.testing.assert_close(results[1], results[2], rtol=0, atol=1e-4)
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-3)


def test_coefficient_forms_differ():
    guide, depth_lr, _ = _inputs()
    code, paper = (_network(learned=False, coefficients=form)(guide, depth_lr) for form in ("code", "paper"))
    assert (code - paper).abs().max() > 1e-3


def test_invalid_cells_are_not_held_to_their_depth():
    guide, depth_lr, depth = _inputs()
    broken, valid = depth_lr.clone(), torch.ones_like(depth_lr)
    broken[..., 1, 2], valid[..., 1, 2] = 0.95, 0
    network = _network(learned=False, solver="accelerated", accelerated_iterations=600, initialisation="nearest")
    held, free = network(guide, broken), network(guide, broken, valid)
    cell = (..., slice(8, 16), slice(16, 24))
    assert (held - depth)[cell].abs().mean() > 0.5
    assert (free - depth)[cell].abs().mean() < 0.3
    others = (valid > 0).to(torch.bool)
    torch.testing.assert_close(F.avg_pool2d(free, 8)[others], depth_lr[others], rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", ["plain", "accelerated"])
def test_every_parameter_gets_a_gradient(solver):
    guide, depth_lr, depth = _inputs(batch=2)
    network = _network(training_solver=solver, accelerated_iterations=16, adjoint_iterations=8).train()
    (network.training_outputs(guide, depth_lr)["depth"] - depth).abs().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_mixed_precision_keeps_the_source_exactly():
    guide, depth_lr, _ = _inputs(batch=2)
    network = _network(training_solver="accelerated", accelerated_iterations=16, adjoint_iterations=8).train()
    with torch.autocast("cpu", torch.bfloat16):
        result = network(guide, depth_lr)
    assert result.dtype == torch.float32
    torch.testing.assert_close(F.avg_pool2d(result, 8), depth_lr, rtol=0, atol=1e-6)


def test_a_few_steps_of_training_lower_the_error():
    guide, depth_lr, depth = _inputs(batch=2)
    network = _network(training_solver="accelerated", accelerated_iterations=48, adjoint_iterations=32).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    errors = []
    for _ in range(6):
        error = (network.training_outputs(guide, depth_lr)["depth"] - depth).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.9 * errors[0]


@pytest.mark.parametrize(
    "option", [{"initialisation": "zero"}, {"network_resolution": 4}, {"solver": "exact"}, {"encoder_levels": 6}]
)
def test_unknown_option_says_what_was_expected(option):
    with pytest.raises(ValueError, match="expected"):
        DADA(**option, learned=False)


class _Refine(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, guide, depth_lr, start):
        return self.network.refine(guide, depth_lr, start)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "options"), [((5, 7), {"learned": False}), ((4, 6), {"network_resolution": 2, "solver": "accelerated"})]
)
def test_graph_with_its_loop_runs_in_other_runtimes(cells, options, tmp_path):
    guide, depth_lr, _ = _inputs(cells)
    network = _network(accelerated_iterations=12, **options)
    frame = (guide, depth_lr, network.start_image(depth_lr))
    file = tmp_path / "dada.onnx"
    program = torch.onnx.export(_Refine(network), frame, dynamo=True, opset_version=18, verbose=False)
    assert program is not None
    program.save(str(file))
    assert [node.op_type for node in program.model_proto.graph.node].count("Loop") == 1
    arrays = [tensor.numpy() for tensor in frame]
    with torch.inference_mode():
        expected = network(guide, depth_lr).numpy()
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, arrays, strict=True)))
    np.testing.assert_allclose(outputs[0], expected, atol=2e-5, err_msg="onnxruntime")
    compiled = openvino.Core().compile_model(str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled(arrays)[0], expected, atol=2e-5, err_msg="openvino")


def test_golden_tensors():
    golden = np.load(_GOLDEN)
    for name, tensor in _golden().items():
        np.testing.assert_allclose(tensor.numpy(), golden[name], atol=2e-4, err_msg=name)


@torch.inference_mode()
def _golden():
    guide, depth_lr, _ = _inputs()
    variants = {"learning_free": {"learned": False}, "network_at_image_size": {}, "released": {"network_resolution": 2}}
    return {name: _network(iterations=200, **options)(guide, depth_lr) for name, options in variants.items()}


if __name__ == "__main__":
    np.savez(_GOLDEN, **{name: tensor.numpy() for name, tensor in _golden().items()})

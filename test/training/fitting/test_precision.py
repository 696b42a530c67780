"""Training in reduced precision: layers run in it, weights and what is kept stay in float32.

Lightning runs `16-mixed` on a GPU alone, and bfloat16 in its place on a CPU. So that scaled gradients are tested
anywhere, its own plug-in for them is put in with PyTorch's scaler for the device there is.
"""

from functools import partial

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import MixedPrecision
from safetensors.torch import load_file

from training.fitting.train import train

RECIPE = """
model: fdkn
scale: 8
model_options: {widths: [8, 8, 8, 8, 8, 8]}
precision: %s
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
batch_size: 2
max_steps: 3
max_minutes: 0
evaluate_every: 3
workers: 0
"""


class _Watch(Callback):
    """Remembers what the first layer gave in training, its weights before the first step and after each, and the
    longest gradient of each step as the optimiser is to see it, before it is clipped."""

    def __init__(self):
        self.computed, self.weights, self.gradients = set(), [], []

    def on_train_start(self, trainer, pl_module):
        self._layer = pl_module.network.guide_branch.features[0]
        self._layer.register_forward_hook(self._see)
        self.weights.append(self._layer.weight.detach().clone())

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.gradients.append(torch.stack([p.grad.abs().max() for p in pl_module.network.parameters()]).max().item())

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.weights.append(self._layer.weight.detach().clone())

    def _see(self, layer, inputs, output):
        if layer.training:
            self.computed.add(output.dtype)

    def moved(self):
        return [not torch.equal(*pair) for pair in zip(self.weights[:-1], self.weights[1:], strict=True)]


def _train(folder, data, precision):
    folder.mkdir(exist_ok=True)
    (folder / "r.yaml").write_text(RECIPE % precision)
    watch = _Watch()
    return load_file(train(folder / "r.yaml", data, folder / "run", callbacks=[watch])), watch


def _assert_kept_in_float32(weights):
    floating = [tensor for tensor in weights.values() if tensor.is_floating_point()]
    assert {tensor.dtype for tensor in floating} == {torch.float32}
    assert all(tensor.isfinite().all() for tensor in floating)


@pytest.fixture(scope="module")
def in_float32(tmp_path_factory, data_folder):
    return _train(tmp_path_factory.mktemp("float32"), data_folder, "32-true")


def test_bfloat16_runs_the_layers_and_learns(in_float32, tmp_path, data_folder):
    weights, watch = _train(tmp_path, data_folder, "bf16-mixed")
    assert watch.computed == {torch.bfloat16} and watch.moved() == [True] * 3
    _assert_kept_in_float32(weights)
    assert in_float32[1].computed == {torch.float32}
    assert torch.equal(watch.weights[0], in_float32[1].weights[0])
    assert not torch.equal(watch.weights[-1], in_float32[1].weights[-1])


@pytest.fixture
def scaler(monkeypatch, request):
    """PyTorch's with the scale asked for, which `16-mixed` trains with in this test."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    scaler = torch.amp.GradScaler(device, init_scale=request.param)
    plugin = MixedPrecision("16-mixed", device, scaler)

    def trainer(original, **options):
        assert options.pop("precision") == "16-mixed"
        return original(plugins=[plugin], **options)

    monkeypatch.setattr(lightning, "Trainer", partial(trainer, lightning.Trainer))
    return scaler


@pytest.mark.parametrize("scaler", [1024.0], indirect=True)
def test_half_precision_steps_by_gradients_whose_scale_is_taken_out(in_float32, scaler, tmp_path, data_folder):
    weights, watch = _train(tmp_path, data_folder, "16-mixed")
    assert watch.computed == {torch.float16} and watch.moved() == [True] * 3
    assert scaler.get_scale() == 1024
    _assert_kept_in_float32(weights)
    assert watch.gradients[0] == pytest.approx(in_float32[1].gradients[0], rel=0.05)


@pytest.mark.parametrize("scaler", [2.0**60], indirect=True)
def test_half_precision_leaves_out_steps_whose_gradients_overflow(scaler, tmp_path, data_folder):
    weights, watch = _train(tmp_path, data_folder, "16-mixed")
    assert watch.moved() == [False] * 3
    assert scaler.get_scale() == 2.0**57
    _assert_kept_in_float32(weights)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="Lightning runs `16-mixed` on a GPU alone; there is none")
def test_half_precision_trains_on_a_gpu(tmp_path, data_folder):
    weights, watch = _train(tmp_path, data_folder, "16-mixed")
    assert watch.computed == {torch.float16}
    _assert_kept_in_float32(weights)

"""Made-up weights in the layouts that the authors publish."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from depth_sr_ros.artifact import Artifact, read_artifact
from depth_sr_ros.commands.main import main
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.selfcheck import check_engine

RandomState = Callable[[Mapping[str, tuple[int, ...]]], dict[str, Tensor]]


@pytest.fixture
def random_state() -> RandomState:
    """Fills names and shapes with numbers that keep activations near one and differ wherever they can."""

    def fill(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(7)
        state = {}
        for name, shape in shapes.items():
            if name.endswith("num_batches_tracked"):
                state[name] = torch.tensor(3)
            elif len(shape) > 1:
                fan_in = torch.Size(shape[1:]).numel()
                state[name] = torch.randn(shape, generator=generator) * (1.5 / fan_in) ** 0.5
            elif name.endswith("running_var"):
                state[name] = 0.5 + torch.rand(shape, generator=generator)
            elif "bias" in name or "mean" in name:
                state[name] = 0.1 * torch.randn(shape, generator=generator)
            else:
                state[name] = 0.3 + torch.rand(shape, generator=generator)
        return state

    return fill


@pytest.fixture
def import_by_command(tmp_path) -> Callable[..., Artifact]:
    """Runs `depth-sr import-weights` on tensors in a file; the artifact, which an engine has taken."""

    def run(model: str, state: Mapping[str, Tensor], *further: str) -> Artifact:
        checkpoint, folder = tmp_path / f"{model}.pth", tmp_path / "made"
        torch.save(state, checkpoint)
        assert main(["import-weights", model, str(checkpoint), "--scale", "4", "-o", str(folder), *further]) == 0
        artifact = read_artifact(folder, model, 4)
        assert check_engine(OnnxRuntimeEngine, artifact, "fp32", threads=1).passed
        return artifact

    return run

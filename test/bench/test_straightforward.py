"""What engines are compared with computes the same as they do."""

import pytest
import torch

from bench.straightforward import refinement, straightforward
from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.frame_graph import FrameGraph


@pytest.mark.parametrize(
    ("model", "options"),
    [("fdkn", {}), ("fdkn", {"residual": False}), ("dkn", {}), ("jiif", {"width": 8, "blocks": 1, "hidden": (16, 8)})],
    ids=["fdkn", "fdkn_without_residual", "dkn", "jiif"],
)
def test_straightforward_form_gives_the_same(model, options):
    torch.manual_seed(0)
    network = create_model(model, scale=4, **options).eval()
    guide, depth = torch.rand(1, 3, 24, 32), torch.rand(1, 1, 6, 8)
    start = network.start_image(depth)
    with torch.inference_mode():
        expected, found = network.refine(guide, depth, start), refinement(network)(guide, depth, start)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)
    assert not torch.allclose(expected, start, atol=1e-4)


def test_it_runs_with_an_artifacts_weights(artifact):
    fixture = artifact.fixture()
    with torch.inference_mode():
        graph = straightforward(artifact)
        assert isinstance(graph, FrameGraph)
        depth, valid = graph(torch.from_numpy(fixture["rgb"]), torch.from_numpy(fixture["depth"]))
    torch.testing.assert_close(depth.numpy(), fixture["depth_hr"], rtol=0, atol=1e-4)
    assert (valid.numpy() == fixture["valid"]).all()

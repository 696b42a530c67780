"""Networks with seeded weights give the numbers they gave when they were written.

`python test/models/test_golden.py` writes the golden tensors anew; do so only where a change of the numbers is meant.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from depth_sr_ros.models import create_model

_GOLDEN = Path(__file__).parent / "golden" / "networks.npz"

_SMALL = {
    "fdkn": {},
    "dkn": {},
    "dagf": {"channels": 8},
    "jiif": {"width": 16, "blocks": 2, "hidden": (32, 16)},
}


def _output(name):
    """A value of every parameter and of the running statistics counts: they are all drawn from one generator."""
    generator = torch.Generator().manual_seed(0)
    network = create_model(name, scale=4, **_SMALL[name]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = max(1, parameter[0].numel())
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (1.5 / fan_in) ** 0.5)
    guide, depth = torch.rand(1, 3, 32, 48, generator=generator), torch.rand(1, 1, 8, 12, generator=generator)
    with torch.inference_mode():
        return network(guide, depth).numpy()


@pytest.mark.parametrize("name", sorted(_SMALL))
def test_golden_output(name):
    with np.load(_GOLDEN) as golden:
        np.testing.assert_allclose(_output(name), golden[name], rtol=1e-4, atol=2e-5)


if __name__ == "__main__":
    np.savez_compressed(_GOLDEN, **{name: _output(name) for name in _SMALL})

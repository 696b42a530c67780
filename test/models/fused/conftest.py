"""Triton's interpreter runs the kernels on the CPU where there is no GPU; it must be asked for before they are read."""

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

pytest.importorskip(
    "triton", reason="triton (1 GB) is not in this environment; `make test` runs these tests in .venv-triton"
)


@pytest.fixture(scope="session")
def device():
    """Where the kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

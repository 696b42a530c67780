"""Triton's interpreter runs the kernels on the CPU where there is no GPU; it must be asked for before they are read."""

import os
from importlib.util import find_spec

import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# test_triton.py says so
collect_ignore_glob = [] if find_spec("triton") else ["test_[!t]*.py"]


@pytest.fixture(scope="session")
def device():
    """Where the kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

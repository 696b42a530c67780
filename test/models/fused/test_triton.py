"""Where Triton is missing: the kernels' tests are left out, and networks stay as they are."""

import sys
from importlib.util import find_spec

import pytest

from depth_sr_ros.models import create_model
from depth_sr_ros.models.fused import fuse


def test_kernels_are_tested_here():
    if find_spec("triton") is None:
        pytest.skip("Triton (0.7 GB) is not in this environment; `make test-kernels` runs these tests in .venv-triton")


@pytest.mark.parametrize(("name", "options"), [("fdkn", {}), ("dada", {"learned": False})])
def test_without_triton_a_network_stays_as_it_is_and_a_note_says_why(name, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)  # importing it fails
    for module in ("diffusion_launch", "kernel_launch"):
        monkeypatch.delitem(sys.modules, f"depth_sr_ros.models.fused.{module}", raising=False)
        monkeypatch.delattr(f"depth_sr_ros.models.fused.{module}", raising=False)
    network = create_model(name, **options)
    same, notes = fuse(network)
    assert same is network
    assert len(notes) == 1 and "expected triton" in notes[0] and "pip install triton" in notes[0]


def test_a_network_without_a_fused_form_stays_as_it_is():
    network = create_model("dagf", channels=8)
    assert fuse(network) == (network, ())

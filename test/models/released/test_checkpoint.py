"""Checkpoint files are read as data, in the ways that projects write them."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from depth_sr_ros.models.released.checkpoint import ReleasedError, read_state

_TENSORS = OrderedDict({"conv.weight": torch.rand(2, 1, 3, 3), "conv.bias": torch.rand(2)})


@pytest.mark.parametrize(
    "content",
    [
        _TENSORS,
        {"model": _TENSORS, "epoch": 3, "stats": {"best": np.float64(0.5), "losses": [np.float32(1), 2.0]}},
        {"state": {f"module.{name}": tensor for name, tensor in _TENSORS.items()}, "epoch": 12},
    ],
    ids=["bare", "beside a log", "of DataParallel"],
)
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "before PyTorch 1.6"])
def test_finds_the_tensors(tmp_path, content, archive):
    torch.save(content, tmp_path / "file", _use_new_zipfile_serialization=archive)
    state = read_state(tmp_path / "file")
    assert list(state) == list(_TENSORS)
    assert all(torch.equal(state[name], _TENSORS[name]) for name in state)


def test_refuses_a_file_whose_reading_would_run_code(tmp_path):
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "file")
    with pytest.raises(ReleasedError, match=r"found the object torch.nn.modules.conv.Conv2d.*save its state_dict"):
        read_state(tmp_path / "file")


def test_refuses_a_file_of_another_kind(tmp_path):
    (tmp_path / "file").write_bytes(b"\x89PNG, say")
    with pytest.raises(ReleasedError, match="expected a file by torch.save"):
        read_state(tmp_path / "file")


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2]])
def test_a_file_without_tensors_says_what_it_found(tmp_path, content):
    torch.save(content, tmp_path / "file")
    with pytest.raises(ReleasedError, match="expected tensors by name, found .*(epoch|list)"):
        read_state(tmp_path / "file")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ReleasedError, match="nothing_here.pth: no such file"):
        read_state(tmp_path / "nothing_here.pth")

"""What keeps new weights from serving, and the line that makes a node take them."""

import shlex
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from depth_sr_ros.artifact import find_artifact
from training.retraining import promotion
from training.retraining.promotion import check_engine_of, switch_line, switch_words


@pytest.mark.parametrize(("valid", "found"), [(False, "none"), (True, "NaN")])
def test_an_engine_without_finite_depth_is_refused(monkeypatch, tmp_path, valid, found):
    nothing = SimpleNamespace(depth=np.full((48, 64), np.nan, np.float32), valid=np.full((48, 64), valid))
    monkeypatch.setattr(promotion, "_compile", lambda *arguments: [])
    monkeypatch.setattr(promotion, "choose_engine", lambda *arguments, **options: None)
    monkeypatch.setattr(promotion, "Upsampler", lambda *arguments, **options: lambda rgb, depth: nothing)
    pair = SimpleNamespace(
        rgb=np.zeros((48, 64, 3), np.uint8), target=np.ones((48, 64), np.float32), valid=np.ones((48, 64), bool)
    )
    with pytest.raises(ValueError, match=f"expected finite depth for a held frame, found {found}"):
        check_engine_of(find_artifact("fdkn", 8), pair, tmp_path)


def test_the_line_survives_a_shell_whatever_the_folder_is_called(tmp_path):
    artifact = replace(find_artifact("fdkn", 8), folder=tmp_path / "Bob's weights; new")
    assert shlex.split(switch_line(artifact)) == ["ros2", "param", "set", "/depth_sr", "weights", str(artifact.folder)]
    assert "model fdkn, scale 0 or 8, any precision but int8" in switch_words(artifact)

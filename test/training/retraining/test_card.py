"""The card's command is the one that was given."""

import argparse
import shlex

import pytest

from training.retraining.card import command_of
from training.retraining.command import add_arguments, settings_of


def settings(words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_of(parser.parse_args(shlex.split(words)))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("", ""),
        ("--from old --data base", "--from ARTIFACT --data BASE"),
        ("--held 'my kitchen' --held hall --held-share 0.5", "--held 'my kitchen' --held hall"),
        ("--split-in-time --tail 0.5", "--split-in-time --tail 0.5"),
        ("--steps 300 --minutes 0 --seed 7 --base-share 0.25", "--minutes 0 --steps 300 --base-share 0.25 --seed 7"),
        ("--held-margin -5 --base-margin 1", "--held-margin -5"),
        ("--recipe base/retrain --storage fp32", "--storage fp32"),
        ("--recipe FOLDER/own.yaml", "--recipe own.yaml"),
        ("--recipe fdkn/local", "--recipe fdkn_x8_local"),
        ("--rgb /camera/color --registered --slop-s 0.05", "--registered --rgb /camera/color --slop-s 0.05"),
        ("--engine-cache plans", ""),
    ],
)
def test_it_has_what_decides_on_the_weights_and_no_paths(given, written, tmp_path):
    (tmp_path / "own.yaml").write_text("extends: base/retrain")
    given = given.replace("FOLDER", str(tmp_path))
    found = command_of(settings(f"--bags /home/me/bags --out /home/me/out --scale 8 {given}"))
    words = "python -m training retrain --bags BAGS --model fdkn --scale 8", written, "--out OUT"
    assert found == " ".join(word for word in words if word)


def test_it_is_a_command_that_asks_for_the_same():
    given = settings("--bags BAGS --out OUT --scale 8 --held hall --steps 30 --minutes 0 --base-margin 0.5 --depth /d")
    assert settings(command_of(given).partition("retrain ")[2]) == given

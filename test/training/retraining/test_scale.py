"""Which weights are retrained where no scale is given: those that the node would take."""

import argparse

import pytest

from training.retraining import command


def scale_of(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.settings_of(parser.parse_args(["--bags", "a", "--out", "b", *words])).scale


def test_live_weights_where_they_ship_and_those_of_a_scale_elsewhere(monkeypatch):
    for shipped, scale in (([0, 4, 8], 0), ([4, 8], 8)):
        monkeypatch.setattr(command, "shipped_scales", lambda model, there=shipped: there)
        assert scale_of() == scale
        assert scale_of("--scale", "4") == 4 and scale_of("--scale", "0") == 0


def test_weights_to_start_from_say_their_scale(artifact):
    assert scale_of("--from", str(artifact.folder)) == 8


def test_a_live_recipe_is_known_by_name(monkeypatch):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    words = ["--bags", "a", "--out", "b", "--scale", "0", "--recipe"]
    assert command.settings_of(parser.parse_args([*words, "fdkn_live"])).training.recipe.path.name == "fdkn.yaml"
    with pytest.raises(FileNotFoundError, match="expected a YAML file, or one of"):
        command.settings_of(parser.parse_args([*words, "base/nothing"]))

"""Frames to train on and held frames."""

from dataclasses import replace

import pytest

from training.retraining.live.split import split_live
from training.retraining.settings import SplitOptions


def test_named_recordings_are_held_out_whole(hall):
    study = replace(hall, name="study", digest="b" * 64)
    split = split_live([hall, study], SplitOptions(held=("study",)))
    assert {entry.recording for entry in split.train} == {"hall"}
    assert {entry.recording for entry in split.held} == {"study"} and not split.in_time
    with pytest.raises(ValueError, match=r"no recordings \['attic'\] to hold out; there are \['hall"):
        split_live([hall, study], SplitOptions(held=("attic",)))


def test_some_recording_is_held_and_some_is_trained_on_whatever_the_hashes(hall):
    for digests in (("0" * 64, "1" * 64), ("f" * 64, "e" * 64)):
        both = [replace(hall, name=digest[:2], digest=digest) for digest in digests]
        split = split_live(both, SplitOptions())
        assert split.train and split.held


def test_in_time_the_last_frames_are_held_and_some_before_them_are_in_neither(hall):
    split = split_live([hall], SplitOptions(in_time=True, tail=0.3))
    assert [entry.path.stem for entry in split.held] == ["000004", "000005"]
    assert [entry.path.stem for entry in split.train] == ["000000", "000001", "000002"] and split.in_time


def test_one_recording_needs_a_split_in_time_and_enough_frames(hall):
    with pytest.raises(ValueError, match="--split-in-time"):
        split_live([hall], SplitOptions())
    with pytest.raises(ValueError, match="at least 3 frames"):
        split_live([replace(hall, files=hall.files[:2])], SplitOptions(in_time=True))

"""Copies of artifacts stay as they are, and do not pile up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from own_weights import damage, overwrite_in_place, own_weights

from depth_sr_ros.artifact import ArtifactError, read_artifact
from depth_sr_ros.serving.kept_artifacts import KeptArtifacts

MODEL, SCALE = "fdkn", 8


@pytest.fixture
def artifact(tmp_path):
    return own_weights(tmp_path / "mine", change=1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


def test_the_copy_outlasts_what_happens_to_the_artifact(artifact, folder, tmp_path):
    copy = KeptArtifacts(folder).keep(artifact.folder, MODEL, SCALE)
    overwrite_in_place(artifact, own_weights(tmp_path / "other", change=2))
    assert read_artifact(copy.folder).card == artifact.card
    assert copy.weights_id == artifact.weights_id


def test_the_same_content_is_copied_once_and_a_copy_is_its_own(artifact, folder):
    kept = KeptArtifacts(folder)
    copy = kept.keep(artifact.folder, MODEL, SCALE)
    again = KeptArtifacts(folder).keep(copy.folder, MODEL, SCALE)
    assert (again, list(folder.iterdir())) == (copy, [copy.folder])


def test_a_damaged_copy_is_made_anew(artifact, folder):
    first = KeptArtifacts(folder)
    copy = first.keep(artifact.folder, MODEL, SCALE)
    first.release_all_but(())
    damage(copy)
    assert KeptArtifacts(folder).keep(artifact.folder, MODEL, SCALE) == copy
    read_artifact(copy.folder)


def killed(path, ignore_errors):
    """A removal that is killed when the card is gone."""
    (Path(path) / "card.json").unlink()
    raise KeyboardInterrupt


def test_a_removal_that_is_killed_does_not_stand_in_the_way(artifact, folder, monkeypatch):
    first = KeptArtifacts(folder, limit=0)
    copy = first.keep(artifact.folder, MODEL, SCALE)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            first.release_all_but(())
    assert not copy.folder.exists() and list(folder.iterdir())
    second = KeptArtifacts(folder)
    assert second.keep(artifact.folder, MODEL, SCALE) == copy
    second.release_all_but(())
    assert list(folder.iterdir()) == [copy.folder]


def test_what_is_left_of_a_copy_makes_way_for_a_new_one(artifact, folder, caplog):
    """As a removal by another version of the package leaves it."""
    first = KeptArtifacts(folder)
    copy = first.keep(artifact.folder, MODEL, SCALE)
    first.release_all_but(())
    (copy.folder / "card.json").unlink()
    assert KeptArtifacts(folder).keep(artifact.folder, MODEL, SCALE) == copy
    read_artifact(copy.folder)
    assert (list(folder.iterdir()), caplog.text) == ([copy.folder], "")


def test_leftovers_go_and_what_is_just_being_written_or_is_not_ours_stays(artifact, folder):
    kept = KeptArtifacts(folder)
    copy = kept.keep(artifact.folder, MODEL, SCALE)
    names = ("fdkn_x8-0123456789ab", ".old-abc", ".new-abandoned", ".new-fresh", "somebody else's")
    for name in names:
        (folder / name).mkdir()
        (folder / name / "weights.safetensors").touch()
    os.utime(folder / ".new-abandoned", (1000, 1000))
    kept.release_all_but(())
    assert {path.name for path in folder.iterdir()} == {copy.folder.name, *names[3:]}


def test_damaged_weights_are_not_kept(artifact, folder):
    damage(artifact)
    with pytest.raises(ArtifactError, match="damaged file"):
        KeptArtifacts(folder).keep(artifact.folder, MODEL, SCALE)
    assert not folder.exists()


def test_beyond_the_limit_the_copies_go_that_were_used_longest_ago_but_none_in_use(tmp_path, folder):
    """In use by another process, too, as far as files can tell: the locks are those of another opening."""
    others, kept = KeptArtifacts(folder), KeptArtifacts(folder, limit=1)
    sources = [own_weights(tmp_path / f"mine{n}", change=n) for n in range(4)]
    in_use = others.keep(sources[0].folder, MODEL, SCALE).folder
    copies = [kept.keep(source.folder, MODEL, SCALE).folder for source in sources[1:]]
    for age, place in enumerate([in_use, *copies]):
        os.utime(place, (1000 + age, 1000 + age))
    kept.release_all_but([copies[0]])
    assert set(folder.iterdir()) == {in_use, copies[0], copies[2]}


def test_without_a_place_for_copies_the_artifact_itself_is_used_with_a_warning(artifact, tmp_path, caplog):
    (tmp_path / "file").touch()
    used = KeptArtifacts(tmp_path / "file" / "kept").keep(artifact.folder, MODEL, SCALE)
    assert used == artifact
    assert "do not change it while the node runs" in caplog.text and "engine_cache" in caplog.text

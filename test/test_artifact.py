"""Reading and checking artifacts."""

import hashlib
import json
import shutil

import pytest
from live_networks import live_artifact

from depth_sr_ros.artifact import (
    CARD,
    FIXTURE,
    GRAPH,
    PROVENANCE,
    SHIPPED,
    WEIGHTS,
    ArtifactError,
    expect_papers,
    find_artifact,
    list_artifacts,
    read_artifact,
    shipped_scales,
    write_artifact,
)


@pytest.fixture
def copy(artifact, tmp_path):
    shutil.copytree(artifact.folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_shipped_artifacts_are_whole():
    names = list_artifacts()
    assert {"fdkn_x4", "fdkn_x8"} <= set(names)
    for scale in shipped_scales("fdkn"):
        card = find_artifact("fdkn", scale).card
        assert card.name in names
        assert card.opset < 20


def test_shipped_artifacts_take_less_than_64_megabytes():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 64_000_000


def test_a_camera_is_served_by_live_weights_where_they_ship():
    assert find_artifact("fdkn", 8).card.name == "fdkn_x8_live"
    assert find_artifact("jiif", 4).card.name == "jiif_x4"


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, FIXTURE])
def test_damaged_file_is_named_with_both_hashes(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name}: damaged file, expected sha256 \w+, found \w+"):
        read_artifact(copy)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, FIXTURE])
def test_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: file is missing"):
        read_artifact(copy)


def test_weights_of_another_model_or_scale_are_refused(copy):
    with pytest.raises(ArtifactError, match="expected weights of model 'jiif', found 'fdkn'"):
        read_artifact(copy, model="jiif")
    with pytest.raises(ArtifactError, match="expected weights for scale 4, found 8"):
        read_artifact(copy, scale=4)


def test_any_file_of_the_folder_stands_for_it(copy):
    assert read_artifact(copy / WEIGHTS).folder == copy


def test_bare_weights_point_to_the_export_command(copy, tmp_path):
    bare = tmp_path / "elsewhere" / "weights.safetensors"
    bare.parent.mkdir()
    shutil.copy(copy / WEIGHTS, bare)
    with pytest.raises(ArtifactError, match="python -m training export"):
        read_artifact(bare)


def test_card_that_is_no_card(copy):
    (copy / CARD).write_text("[1, 2]")
    with pytest.raises(ArtifactError, match="damaged or foreign card"):
        read_artifact(copy)


def test_card_of_a_later_format(copy):
    card = json.loads((copy / CARD).read_text())
    (copy / CARD).write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(ArtifactError, match="expected card format 2, found 99"):
        read_artifact(copy)


def test_a_scale_that_does_not_ship_for_a_model_lists_what_ships():
    with pytest.raises(ArtifactError, match=r"'dagf' at scale 4: expected one of \[.*'dagf_x8'.*'fdkn_x4'"):
        find_artifact("dagf", 4)


def test_unknown_model_lists_what_ships():
    with pytest.raises(ArtifactError, match=r"'nosuch' at scale 8: expected one of \[.*'fdkn_x8'"):
        find_artifact("nosuch", 8)


def test_writing_replaces_the_whole_folder_and_leaves_nothing_beside_it(artifact, tmp_path):
    target = tmp_path / "fdkn_x8"
    target.mkdir()
    (target / "old").touch()
    (target / CARD).touch()
    files = artifact.card, artifact.graph, artifact.weights, artifact.fixture(), [artifact.provenance]
    written = write_artifact(target, *files)
    assert written.card == artifact.card and written.provenance == target / PROVENANCE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fdkn_x8"]
    assert sorted(p.name for p in target.iterdir()) == sorted([CARD, FIXTURE, GRAPH, PROVENANCE, WEIGHTS])


def test_incomplete_fixture_is_refused(artifact, tmp_path):
    fixture = artifact.fixture()
    del fixture["valid"]
    with pytest.raises(ArtifactError, match=r"missing \['valid'\]"):
        write_artifact(tmp_path / "a", artifact.card, artifact.graph, artifact.weights, fixture)


def test_writing_spares_what_is_no_artifact(tmp_path, artifact):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="found something else"):
        write_artifact(tmp_path, artifact.card, artifact.graph, artifact.weights, artifact.fixture())
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_cards_of_the_papers_graph_keep_their_bytes_and_ids(tmp_path):
    """Cards say nothing of the frame graph where it is the papers', as all cards before there was another one."""
    for name in ("fdkn_x8", "dagf_x8"):
        one = read_artifact(SHIPPED / name)
        files = [one.folder / file for file in one.card.files if file not in (GRAPH, WEIGHTS, FIXTURE)]
        again = write_artifact(tmp_path / name, one.card, one.graph, one.weights, one.fixture(), files)
        old, new = (json.loads((folder / CARD).read_text()) for folder in (one.folder, again.folder))
        assert "frame_graph" not in new
        del old["files"][FIXTURE], new["files"][FIXTURE]  # an archive holds the time it was packed at
        assert new == old
        content = {"half_parts": [], **json.loads((one.folder / CARD).read_text())}
        expected = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
        assert one.card.content_id == expected
        assert one.card.frame_graph == "papers" and one.golden_grid == one.fixture()["depth"].shape


def test_live_artifact_is_found_at_scale_0(tmp_path):
    live = live_artifact(tmp_path)
    assert list_artifacts(tmp_path) == ["fdkn_live"] and shipped_scales("fdkn", tmp_path) == [0]
    found = find_artifact("fdkn", 0, tmp_path)
    assert found.card == live.card and found.card.name == "fdkn_live"
    assert json.loads((found.folder / CARD).read_text())["frame_graph"] == "live"
    assert set(found.golden_inputs()) == {"rgb", "start", "near", "far", "quality"}
    with pytest.raises(ArtifactError, match="model 'jiif' at scale 0: expected one of"):
        find_artifact("jiif", 0, tmp_path)
    with pytest.raises(ArtifactError, match="evaluation knows weights of the papers' frame graph only, found .* live"):
        expect_papers(found, "evaluation")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame_graph": "dreams"}, r"frame_graph: expected one of \('papers', 'live'\), found 'dreams'"),
        ({"frame_graph": "live"}, "expected scale 0 for any ratio with frame_graph 'live', found 8"),
        ({"scale": 0}, "expected scale 1 or more with frame_graph 'papers', found 0"),
    ],
)
def test_card_whose_frame_graph_does_not_fit(copy, changes, words):
    card = json.loads((copy / CARD).read_text())
    (copy / CARD).write_text(json.dumps({**card, **changes}))
    with pytest.raises(ArtifactError, match=words):
        read_artifact(copy)

"""`evaluate` on data sets: several in one run, and those that weights may have learned from."""

import csv
import json
import shutil

import pytest

from training.__main__ import main
from training.evaluation.known_scenes import overlapping, sets_of_run
from training.recipes.recipe import load_recipe


@pytest.fixture(scope="module")
def lu(tmp_path_factory, data_folder):
    """A pair of each of the two sets that Lu packs, of one name."""
    folder = tmp_path_factory.mktemp("lu")
    for part, source in (("01_Middlebury_Dataset", "s4"), ("03_RGBD_Dataset", "s3")):
        (folder / part).mkdir()
        for kind, name in (("rgb", "color"), ("gt", "depth")):
            (folder / part / f"a_output_{name}.png").write_bytes((data_folder / f"{source}_{kind}.png").read_bytes())
    return folder


def test_several_sets_stand_apart_and_share_the_papers_table(lu, data_folder, tmp_path, capsys):
    """Two of one folder with one split, and a third with its own of both."""
    sets = ["--dataset", "middlebury-lu", "--dataset", "lu", "--dataset", f"manifest:dev,test={data_folder}"]
    arguments = ["--data", str(lu), *sets, "--splits", "test", "--options", "zero_is_valid=true"]
    assert main(["evaluate", *arguments, "--scales", "8", "--classical", "bicubic", "--out", str(tmp_path)]) == 0
    assert "4 of 4: layers s4" in capsys.readouterr().out
    with (tmp_path / "results.csv").open(newline="") as stream:
        rmse = {(row["dataset"], row["split"], row["image"]): float(row["rmse"]) for row in csv.DictReader(stream)}
    own = [("middlebury-lu", "test", "a"), ("lu", "test", "a"), ("layers", "dev", "s3"), ("layers", "test", "s4")]
    assert list(rmse) == own and len(set(rmse.values())) == 4
    text = (tmp_path / "results.md").read_text()
    for name, split, image in own:
        block = text.split(f"## {name} ({split}), dkn-bicubic, x8")[1].split("\n## ")[0]
        assert f"| RMSE (levels) | {image} | mean of 1 |" in block
        assert f"| bicubic | {rmse[name, split, image]:.3f} |" in block
    assert "Ours are over Middlebury: 1 of 30 images, split test; Lu: 1 of 6 images, split test." in text
    assert f"| Bicubic | {rmse[own[0]]:.2f} (3.98) | {rmse[own[1]]:.2f} (4.54) |" in text
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        f"dkn-bicubic_x8_{name}_{image}.png" for name, _, image in own
    }


def test_images_of_one_name_in_two_sets_are_refused(data_folder, tmp_path, capsys):
    other = shutil.copytree(data_folder, tmp_path / "other")
    first = ["evaluate", "--dataset", f"manifest:dev={data_folder}", "--classical", "bicubic"]
    assert main([*first, "--dataset", f"manifest:dev={other}"]) == 2
    assert "found layers s3 in" in (said := capsys.readouterr().err) and "rename one of the two sets" in said
    assert main([*first, "--dataset", f"manifest:test={other}"]) == 0
    assert main([*first, "--dataset", f"manifest:dev={data_folder}"]) == 2
    assert "layers s3 of the split dev was named before" in capsys.readouterr().err


def test_set_without_a_folder_asks_for_one(capsys):
    assert main(["evaluate", "--dataset", "lu=X", "--dataset", "nyu:test"]) == 2
    assert "give it by --dataset nyu:test=FOLDER or by --data" in capsys.readouterr().err
    assert main(["evaluate", "fdkn_x8"]) == 2
    assert "give it by --dataset manifest=FOLDER or by --data" in capsys.readouterr().err


def test_a_set_that_a_protocol_cannot_take_ends_a_run_before_it_starts(lu, data_folder, capsys):
    sets = ["--dataset", f"manifest:dev={data_folder}", "--dataset", f"lu:test={lu}"]
    assert main(["evaluate", *sets, "--protocols", "dkn-bicubic", "recorded", "--classical", "bicubic"]) == 2
    said = capsys.readouterr()
    assert "no low-resolution depth of its own" in said.err and "1 of 2" not in said.out


def test_tables_say_what_weights_may_have_seen_before(lu, capsys):
    """The shipped weights are trained on Middlebury scenes, some of which are among Lu's."""
    place = ["--data", str(lu), "--dataset", "middlebury-lu", "--splits", "test"]
    assert main(["evaluate", "fdkn_x8", *place, "--classical", "bicubic"]) == 0
    table, papers = capsys.readouterr().out.split("## In the papers' layout")
    for text in (table, papers):
        assert "Note: fdkn_x8 was trained on scenes of middlebury2001_2003, middlebury2006_half, middlebury" in text
        assert "Note: a 0 is a hole here and not counted; the papers count it as a value" in text
    assert "bicubic was trained" not in table
    assert main(["evaluate", *place, "--classical", "bicubic", "--options", "zero_is_valid=true"]) == 0
    said = capsys.readouterr().out
    assert "trained on" not in said and "a hole here" not in said


@pytest.mark.parametrize(
    ("dataset", "split", "trained_on", "expected"),
    [
        ("middlebury-lu", "test", {"middlebury2014_quarter", "nyu", "middlebury2005"}, ["middlebury2005"]),
        ("middlebury2014", "test", {"middlebury2014_quarter", "middlebury2014"}, ["middlebury2014_quarter"]),
        ("middlebury2006_third", "dev", {"middlebury2006_half"}, []),  # of one manifest, which splits by scene
        ("middlebury2006_third", "train", {"middlebury2006_third"}, ["middlebury2006_third"]),
        ("nyu", "test", {"nyu", "middlebury2006"}, []),
        ("nyu", "test", {"nyu:train"}, []),
        ("nyu", "dada-test", {"nyu:train"}, ["nyu:train"]),
        ("nyu", "dada-test", {"nyu:dada-train"}, []),
        ("nyu", "test", {"nyu:dada-train"}, ["nyu:dada-train"]),
        ("nyu", "test", {"nyu:all"}, ["nyu:all"]),
        ("nyu", "all", {"nyu"}, ["nyu"]),
        ("nyu", "dada-test", {"nyu"}, ["nyu"]),
        ("icl_livingroom1", "synthetic", {"icl_livingroom1"}, ["icl_livingroom1"]),
        ("diml-lr", "train", {"diml:train"}, ["diml:train"]),
        ("middlebury2005-pixel", "all", {"middlebury2005_half"}, ["middlebury2005_half"]),
    ],
)
def test_sets_overlap_under_other_names_and_in_splits_of_another_cut(dataset, split, trained_on, expected):
    assert overlapping(dataset, split, trained_on) == expected


def test_weights_of_a_run_know_all_its_stages(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: fdkn\nscale: 4\ndata: {shares: {a: 1.0}, collections: {nyu: {}}}\n")
    recipe = load_recipe(tmp_path / "mine.yaml")
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert sets_of_run(recipe, tmp_path / "weights.safetensors") == {"a", "nyu:train"}
    facts = {"data": ["a", "nyu"], "splits": {"nyu": "all"}, "earlier": {"earlier": {"data": ["b"]}}}
    (tmp_path / "training.json").write_text(json.dumps(facts))
    assert sets_of_run(recipe, tmp_path / "weights.safetensors") == {"a", "nyu:train", "nyu:all", "b"}

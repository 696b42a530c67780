"""Stages as earlier versions recorded them, each holding those before it."""

from training.recipes.lineage import stages_of_facts

FIRST = {"recipe": "first", "steps": 1, "earlier": None}
BESIDE = {"recipe": "beside", "steps": 2}
LAST = {"recipe": "last", "steps": 3, "earlier": {**FIRST, "selected_on": "dev"}}
OTHERS = [{"recipe": "first", "steps": 1}, BESIDE]
MEAN = {"recipe": "beside and last", "averaged": 2, "earlier": LAST, "averaged_in": OTHERS}


def _of(facts, key):
    return [stage[key] for stage in stages_of_facts(facts)]


def test_a_stage_follows_those_before_it_and_names_them():
    assert _of(LAST, "id") == ["first", "last"] and _of(LAST, "parents") == [[], ["first"]]
    assert _of(LAST, "weights") == [None, None] and "selected_on" not in stages_of_facts(LAST)[0]
    assert stages_of_facts("by hand") == stages_of_facts({}) == []


def test_a_mean_names_what_only_its_other_runs_went_through_once():
    assert _of(MEAN, "id") == ["first", "last", "beside", "beside and last"]
    assert _of(MEAN, "parents") == [[], ["first"], None, None], "means did not say whose they were"
    assert _of(MEAN, "kind") == ["train", "train", "train", "average"]


def test_other_stages_of_the_same_name_are_told_apart():
    again = {"recipe": "last", "steps": 5, "earlier": {"grown": "wider", "earlier": LAST}}
    assert _of(again, "id") == ["first", "last", "grow", "last-2"] and _of(again, "parents")[2:] == [["last"], ["grow"]]


def test_weights_of_which_only_the_file_is_known_were_imported():
    assert _of({"weights": "mine.safetensors"}, "kind") == ["import"]
    assert _of({"weights": "mine.safetensors"}, "weights_file") == ["mine.safetensors"]

"""The stages that weights went through, by whatever way."""

from training.recipes.lineage import averaged_in, stages


def _recipes(found):
    return [stage["recipe"] for stage in found]


FIRST = {"recipe": "first", "steps": 1, "earlier": None}
BESIDE = {"recipe": "beside", "steps": 2, "earlier": FIRST}
LAST = {"recipe": "last", "steps": 3, "earlier": {**FIRST, "selected_on": "dev"}}


def _mean(*runs):
    return {"recipe": " and ".join(_recipes(runs)), "earlier": runs[-1], "averaged_in": averaged_in(runs)}


def test_a_line_of_stages_is_told_from_its_beginning():
    assert _recipes(stages(LAST)) == ["first", "last"] and "earlier" not in stages(LAST)[1]
    assert stages(None) == stages("by hand") == []


def test_a_mean_counts_what_only_other_runs_went_through_and_nothing_twice():
    mean = _mean(BESIDE, LAST)
    assert _recipes(mean["averaged_in"]) == ["beside"]
    assert _recipes(stages(mean)) == ["first", "last", "beside", "beside and last"]


def test_means_of_means_and_what_began_with_them():
    begun = {"recipe": "begun", "earlier": _mean(BESIDE, LAST)}
    again = _mean(BESIDE, begun)
    assert again["averaged_in"] == []
    assert _recipes(stages(again)) == ["first", "last", "beside", "beside and last", "begun", "beside and begun"]
    again = _mean(begun, BESIDE)
    assert _recipes(again["averaged_in"]) == ["last", "beside and last", "begun"]
    assert _recipes(stages(again)) == ["first", "beside", "last", "beside and last", "begun", "begun and beside"]

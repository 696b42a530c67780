"""Which weights may take the place of others."""

import math

import pytest

from training.retraining.html_report import base_rows
from training.retraining.settings import Margins
from training.retraining.verdict import judge_weights


def found(held, live, bicubic=1.0):
    frames = [
        {"name": f"{name}_0", "recording": name, "counted": 1}
        | {"rmse": rmse, "mae": rmse, "bicubic_rmse": 9, "bicubic_mae": 9}
        for name, rmse in held.items()
    ]
    return {"held": frames, "base": {"live": images(live), "dkn-bicubic": images(bicubic)}}


def images(mean):
    return {"mean": mean, "rmse": {"art": mean}}


BEFORE = found({"hall": 10.0, "study": 20.0}, 2.0)


def judged(after, held=0.0, base=0.01):
    return judge_weights(BEFORE, after, Margins(held, base))


def test_better_on_both_is_promoted():
    verdict = judged(found({"hall": 9.0, "study": 18.0}, 2.0))
    assert verdict.promoted and verdict.held == pytest.approx(-0.1) and not verdict.reasons
    assert "held frames -10.00 %" in verdict.words


@pytest.mark.parametrize(("live", "promoted"), [(2.019, True), (2.021, False)])
def test_the_base_set_may_get_worse_by_its_margin_and_no_more(live, promoted):
    verdict = judged(found({"hall": 9.0, "study": 18.0}, live))
    assert verdict.promoted == promoted
    assert promoted or verdict.reasons == ("the base set (live) got worse by +1.05 %, at most 1 % is allowed",)


def test_held_frames_may_not_get_worse_at_all():
    verdict = judged(found({"hall": 10.0, "study": 20.1}, 1.5))
    assert not verdict.promoted and "held frames got worse by +0.33 %" in verdict.reasons[0]


def test_a_negative_margin_demands_improvement():
    after = found({"hall": 9.6, "study": 19.2}, 2.0)
    assert judged(after).promoted and not judged(after, held=-0.05).promoted


def test_a_recording_that_got_worse_is_told():
    verdict = judged(found({"hall": 11.0, "study": 18.0}, 2.0))
    assert verdict.promoted
    assert any("hall alone got worse by +10.00 %" in note for note in verdict.notes)


def test_every_protocol_of_the_base_set_decides():
    verdict = judged(found({"hall": 9.0, "study": 18.0}, 1.0, bicubic=1.02))
    assert verdict.reasons == ("the base set (dkn-bicubic) got worse by +2.00 %, at most 1 % is allowed",)
    assert verdict.base == pytest.approx({"live": -0.5, "dkn-bicubic": 0.02})
    rows = base_rows(with_bicubic(BEFORE), with_bicubic(BEFORE), "live")
    assert [row.name for row in rows if row.decides] == ["live, mean RMSE", "dkn-bicubic, mean RMSE"]


def with_bicubic(result):
    base = {name: entry | {"bicubic_mean": 3.0, "mean_ratio": 0.5} for name, entry in result["base"].items()}
    return {**result, "base": base}


@pytest.mark.parametrize(
    "after", [found({"hall": math.nan, "study": 1.0}, 1.0), found({"hall": 1.0, "study": 1.0}, None)]
)
def test_errors_that_are_not_finite_are_never_promoted(after):
    assert not judged(after, 10.0, 10.0).promoted


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (found({"hall": 1.0}, 1.0), "such as study_0"),
        ({**BEFORE, "base": {"live": {"mean": 1.0, "rmse": {"moebius": 1.0}}}}, "such as dkn-bicubic: art"),
    ],
    ids=["held", "base"],
)
def test_errors_of_other_images_are_not_compared(other, said):
    with pytest.raises(ValueError, match=f"the same images before and after.*{said}.*remove before.json"):
        judged(other)

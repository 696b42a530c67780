"""Plans on disk: found by what they depend on, and only when whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from depth_sr_ros.engines import PlanCache
from depth_sr_ros.engines.plans import cache as module
from depth_sr_ros.engines.plans.cache import PlanCacheError, PlanCard, default_folder
from depth_sr_ros.engines.plans.key import PlanKey
from depth_sr_ros.engines.selfcheck import SelfCheck

PASSED = SelfCheck(1e-5, 1e-4, True)
KEY = PlanKey(
    "fdkn_x8", ".engine", "tensorrt", "a" * 64, "b" * 64, "c" * 64, (18, 24), (60, 80), "fp16",
    {"version": "10.3.0.30", "device": "Orin", "capability": "8.7", "flags": "strongly typed"},
)  # fmt: skip
PLAN = bytes(range(256)) * 40


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "plans")


def record(cache, key=KEY, plan=PLAN):
    with cache.building(key):
        return cache.record(key, plan, 12.5, PASSED)


def files(cache, key=KEY):
    return cache.folder / f"{key.stem}.engine", cache.folder / f"{key.stem}.json"


def test_gives_back_what_was_recorded(cache):
    assert cache.find(KEY) is None
    record(cache)
    assert cache.find(KEY) == PLAN
    assert PlanCache(cache.folder).find(KEY) == PLAN


def test_a_plan_of_8_bit_integers_is_told_apart_by_the_graph_that_it_was_made_of(cache):
    keys = [replace(KEY, precision="int8", quantised=(digit * 64, "f" * 64)) for digit in "ab"]
    record(cache, keys[0])
    assert cache.find(keys[0]) == PLAN and cache.find(keys[1]) is None
    assert PlanKey.from_parts(keys[0].parts()) == keys[0]


def test_keys_without_such_a_graph_are_as_they_were_before_it_counted():
    """Plans of float precisions that were built before are still found."""
    assert "quantised" not in KEY.parts()
    assert PlanKey.from_parts(KEY.parts()) == KEY


def test_the_card_says_what_it_is_and_how_it_did(cache):
    record(cache)
    card = PlanCard.read(files(cache)[1])
    assert (card.key, card.size, card.build_seconds) == (KEY, len(PLAN), 12.5)
    assert (card.error, card.tolerance) == (1e-5, 1e-4)


@pytest.mark.parametrize(
    "other",
    [
        {"graph": "c" * 64},
        {"weights": "c" * 64},
        {"fixture": "d" * 64},
        {"grid": (61, 80)},
        {"golden": (18, 25)},
        {"precision": "fp32"},
        {"runtime": "tensorrt_rtx"},
        {"conditions": {**KEY.conditions, "version": "10.3.0.31"}},
        {"conditions": {**KEY.conditions, "device": "Xavier"}},
        {"conditions": {**KEY.conditions, "flags": ""}},
        {"quantised": ("e" * 64, "f" * 64)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_plan_is_not_found_when_anything_it_depends_on_differs(cache, other):
    record(cache)
    assert replace(KEY, **other).digest != KEY.digest
    assert cache.find(replace(KEY, **other)) is None
    assert cache.find(KEY) == PLAN


@pytest.mark.parametrize(
    "damage",
    [
        lambda plan, card: plan.write_bytes(PLAN[:-1]),
        lambda plan, card: plan.write_bytes(PLAN[:100] + b"?" + PLAN[101:]),
        lambda plan, card: plan.write_bytes(b""),
        lambda plan, card: plan.unlink(),
        lambda plan, card: card.write_text("{"),
        lambda plan, card: card.write_text(card.read_text().replace("10.3.0.30", "10.3.0.31")),
        lambda plan, card: card.write_text("[]"),
    ],
    ids=["truncated", "flipped", "empty", "no_plan", "half_card", "edited_card", "other_card"],
)
def test_a_damaged_plan_is_removed_with_a_warning(cache, caplog, damage):
    record(cache)
    damage(*files(cache))
    assert cache.find(KEY) is None
    assert "damaged or foreign" in caplog.text
    assert not any(path.exists() for path in files(cache))
    record(cache)
    assert cache.find(KEY) == PLAN


def test_a_plan_without_its_card_is_none(cache):
    record(cache)
    files(cache)[1].unlink()
    assert cache.find(KEY) is None


def test_another_machine_s_plan_under_this_one_s_name_is_not_used(cache):
    foreign = replace(KEY, conditions={**KEY.conditions, "device": "RTX 4090", "capability": "8.9"})
    record(cache, foreign)
    for theirs, ours in zip(files(cache, foreign), files(cache), strict=True):
        theirs.rename(ours)
    assert cache.find(KEY) is None


def test_a_plan_that_failed_its_check_is_not_recorded(cache):
    with cache.building(KEY), pytest.raises(ValueError, match="passed its self-check"):
        cache.record(KEY, PLAN, 1.0, SelfCheck(1.0, 1e-4, True))
    assert cache.find(KEY) is None


def test_a_new_version_supersedes_the_old_one_on_the_same_device_only(cache):
    elsewhere = replace(KEY, conditions={**KEY.conditions, "device": "Xavier"})
    newer = replace(KEY, conditions={**KEY.conditions, "version": "10.4.0"})
    for key in (KEY, elsewhere, newer):
        record(cache, key)
    assert [cache.find(key) is not None for key in (KEY, elsewhere, newer)] == [False, True, True]
    assert not any(path.exists() for path in files(cache))


def test_beyond_the_budget_the_one_not_used_for_longest_goes(tmp_path):
    cache = PlanCache(tmp_path, budget=3 * len(PLAN))
    keys = [replace(KEY, grid=(60, 80 + n)) for n in range(4)]
    for age, key in enumerate(keys[:3]):
        record(cache, key)
        os.utime(files(cache, key)[1], (age, age))
    assert cache.find(keys[0])  # which counts as a use
    record(cache, keys[3])
    assert [cache.find(key) is not None for key in keys] == [True, False, True, True]


def test_the_newest_is_kept_even_when_it_alone_is_beyond_the_budget(tmp_path):
    cache = PlanCache(tmp_path, budget=10)
    record(cache)
    assert cache.find(KEY) == PLAN


def test_knows_the_sizes_of_a_plan_the_last_used_first(cache):
    keys = [replace(KEY, grid=(60, 80 + n)) for n in range(3)]
    for age, key in zip((2, 3, 1), keys, strict=True):
        record(cache, key)
        os.utime(files(cache, key)[1], (age, age))
    record(cache, replace(KEY, weights="d" * 64))
    assert cache.sizes(KEY) == [keys[1], keys[0], keys[2]]


WRITER = """
import os, sys
from depth_sr_ros.engines.plans import files as plan_files
from depth_sr_ros.engines.plans.cache import PlanCache
sys.path.insert(0, os.path.dirname(sys.argv[2]))
import test_cache
stop_at, steps = sys.argv[3], []
def stop(name, real):
    def step(*arguments):
        steps.append(name)
        if f"{name}{steps.count(name)}" == stop_at:
            print("there", flush=True)
            sys.stdin.read()
        return real(*arguments)
    return step
os.fsync, os.replace = stop("fsync", os.fsync), stop("replace", os.replace)
test_cache.record(PlanCache(sys.argv[1]))
"""


@pytest.mark.parametrize("step", ["fsync1", "replace1", "fsync2", "fsync3", "replace2"])
def test_a_writer_killed_at_any_step_leaves_nothing_that_is_used(cache, step):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(cache.folder), __file__, step],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout.readline() == "there\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdin.close()
    writer.stdout.close()
    left = set(cache.folder.iterdir())
    assert len(left) > 1, "something was half done"
    assert cache.find(KEY) is None
    other = replace(KEY, grid=(30, 40))
    record(cache, other)
    assert {path.name.partition(".")[0] for path in cache.folder.iterdir()} == {other.stem}
    record(cache)
    assert cache.find(KEY) == PLAN


def test_a_plan_that_cannot_be_removed_is_told_and_stays(cache, monkeypatch, caplog):
    def refuse(path, waiting=None):
        raise PermissionError(13, "Permission denied", str(path))

    record(cache)
    monkeypatch.setattr(module, "locked", refuse)
    assert not cache.discard(KEY)
    assert "cannot be removed: [Errno 13]" in caplog.text and cache.find(KEY) == PLAN


def test_a_discarded_plan_is_gone(cache):
    record(cache)
    assert cache.discard(KEY) and cache.find(KEY) is None
    assert cache.discard(KEY)


def test_a_folder_that_cannot_be_written_says_what_to_change(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanCacheError, match="expected a folder for plans.*engine_cache.*--cache"):
        record(PlanCache(tmp_path / "file"))


def test_a_source_checkout_keeps_plans_in_trt_engines():
    assert default_folder() == Path(module.__file__).parents[3] / "trt_engines"


@pytest.mark.parametrize(
    ("given", "folder"), [("/somewhere", "/somewhere"), ("", "~/.cache"), ("not/absolute", "~/.cache")]
)
def test_an_installed_package_keeps_them_in_the_user_s_cache_folder(monkeypatch, tmp_path, given, folder):
    installed = tmp_path / "lib/python3.12/site-packages"
    monkeypatch.setattr(module, "__file__", str(installed / "depth_sr_ros/engines/plans/cache.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert default_folder() == Path(folder).expanduser() / "depth_sr_ros"

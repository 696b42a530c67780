"""How many threads an engine takes by itself."""

import os

import pytest

from depth_sr_ros.engines import cpu


def _machine(folder, siblings):
    for number, shared in enumerate(siblings):
        topology = folder / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(shared + "\n")
    return folder


@pytest.mark.parametrize(
    ("siblings", "quota", "expected"),
    [
        (["0", "1", "2", "3"], "max 100000", 4),
        (["0,2", "1,3", "0,2", "1,3"], "max 100000", 2),
        (["0", "1", "2", "3"], "250000 100000", 2),
        (["0", "1"], "50000 100000", 1),
    ],
    ids=["whole_machine", "two_processors_a_core", "quota", "part_of_a_core"],
)
def test_counts_physical_cores_that_may_be_used(siblings, quota, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(len(siblings))))
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert cpu.usable_cores(_machine(tmp_path, siblings), tmp_path / "cpu.max") == expected


def test_counts_processors_where_the_machine_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5})
    assert cpu.usable_cores(tmp_path, tmp_path / "none") == 3


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (8, 7)])
def test_leaves_a_core_to_the_node_where_there_are_three(cores, threads, monkeypatch):
    monkeypatch.setattr(cpu, "usable_cores", lambda: cores)
    assert cpu.default_threads() == threads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd\n", False),
    ],
    ids=["avx512", "avx2", "neither", "another_architecture"],
)
def test_knows_instructions_for_bytes(text, expected, tmp_path):
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu.multiplies_bytes(tmp_path / "cpuinfo") == expected


def test_an_unknown_processor_has_no_instructions_for_bytes(tmp_path):
    assert not cpu.multiplies_bytes(tmp_path / "cpuinfo")

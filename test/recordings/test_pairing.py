"""One contract for both pairings: ours, and message_filters' as the node wraps it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from depth_sr_ros.recordings.pairing import StampPairing, StreamWatch
from depth_sr_ros.recordings.stamp_memory import Nearest, StampMemory

MS = 1_000_000
PERIOD = 33_333_333
SLOP = 20 * MS


def _message_filters(slop_ns: int, queue_size: int):
    from depth_sr_ros.ros.synchroniser import MessageFiltersPairing

    return MessageFiltersPairing(slop_ns, queue_size)


PAIRINGS = [
    pytest.param(StampPairing, id="ours"),
    pytest.param(
        _message_filters,
        id="message_filters",
        marks=pytest.mark.skipif(
            find_spec("message_filters") is None, reason="message_filters is not installed (it comes with ROS)"
        ),
    ),
]


@pytest.fixture(params=PAIRINGS)
def pairing(request):
    """A pairing with 20 ms slop and a queue of ten."""
    return request.param(SLOP, 10)


@pytest.fixture(params=PAIRINGS)
def make_pairing(request):
    """Makes a pairing out of slop and queue size."""
    return request.param


def feed(pairing, messages):
    """Feeds (stream, stamp); items are their own stamps, so a pair reads (stamp of 0, stamp of 1)."""
    pairs = (pairing.add(stream, stamp, stamp) for stream, stamp in messages)
    return [pair for pair in pairs if pair is not None]


def interleaved(first, second):
    """Both streams in stamp order, as they would arrive."""
    return sorted([(0, s) for s in first] + [(1, s) for s in second], key=lambda m: (m[1], m[0]))


def test_pairs_every_equal_stamp(pairing):
    stamps = [i * PERIOD for i in range(300)]
    assert feed(pairing, interleaved(stamps, stamps)) == [(s, s) for s in stamps]
    assert pairing.counters.unmatched == [0, 0]


@pytest.mark.parametrize("slop_ns", [0, SLOP])
def test_takes_a_pair_exactly_slop_apart_and_none_farther(make_pairing, slop_ns):
    assert feed(make_pairing(slop_ns, 10), [(0, 1000), (1, 1000 + slop_ns)]) == [(1000, 1000 + slop_ns)]
    assert feed(make_pairing(slop_ns, 10), [(0, 1000), (1, 1001 + slop_ns)]) == []


def test_pairs_jittered_streams_one_to_one(pairing):
    jitter = np.random.default_rng(1).integers(-5 * MS, 5 * MS, (2, 300))
    stamps = np.arange(1, 301) * PERIOD
    first, second = [int(s) for s in stamps + jitter[0]], [int(s) for s in stamps + jitter[1]]
    assert sorted(feed(pairing, interleaved(first, second))) == list(zip(first, second, strict=True))


def test_pairs_every_message_of_the_slower_stream_with_its_nearest(pairing):
    fast = [i * PERIOD for i in range(300)]
    slow = [s + 2 * MS for s in fast[::2]]
    assert feed(pairing, interleaved(fast, slow)) == [(s - 2 * MS, s) for s in slow]
    assert pairing.counters.unmatched[0] >= 150 - 10


def test_pairs_the_second_pass_of_a_looped_recording_completely(pairing):
    stamps = [i * PERIOD for i in range(300)]
    leftovers = [(0, 300 * PERIOD + i * 25 * MS) for i in range(20)]
    first_pass = feed(pairing, interleaved(stamps, stamps) + leftovers)
    second_pass = feed(pairing, interleaved(stamps, stamps))
    assert (len(first_pass), len(second_pass)) == (300, 300)
    assert pairing.counters.resets == 1


def test_a_late_message_of_the_first_pass_costs_no_pair_of_the_second(pairing):
    stamps = [i * PERIOD for i in range(60)]
    feed(pairing, interleaved(stamps, stamps[:-1]))
    second_pass = [(0, stamps[0]), (1, stamps[-1]), (1, stamps[0])] + interleaved(stamps[1:], stamps[1:])
    assert feed(pairing, second_pass) == [(s, s) for s in stamps]


def test_goes_on_after_a_backward_clock_jump(pairing):
    before = [3600 * 1000 * MS + i * PERIOD for i in range(30)]
    after = [i * PERIOD for i in range(30)]
    feed(pairing, interleaved(before, [s + 50 * MS for s in before]))
    assert feed(pairing, interleaved(after, after)) == [(s, s) for s in after]


@pytest.mark.parametrize("strayed", [0, 1])
def test_goes_on_when_one_stream_alone_comes_back_to_the_other_s_clock(pairing, strayed):
    stamps = [i * PERIOD for i in range(60)]
    far = [s + 3600 * 1000 * MS for s in stamps]
    feed(pairing, interleaved(far, stamps) if strayed == 0 else interleaved(stamps, far))
    later = [s + 60 * PERIOD for s in stamps]
    pairs = feed(pairing, interleaved(later, later))
    assert pairs[-59:] == [(s, s) for s in later[1:]]  # what waits when message_filters is built anew is lost
    assert pairing.counters.resets == 1


def test_goes_on_after_a_forward_clock_jump(pairing):
    before, after = [i * PERIOD for i in range(30)], [3600 * 1000 * MS + i * PERIOD for i in range(30)]
    feed(pairing, interleaved(before, before))
    assert feed(pairing, interleaved(after, after)) == [(s, s) for s in after]


def test_pairs_stamps_before_zero(pairing):
    stamps = [i * PERIOD for i in range(-30, 30)]
    assert feed(pairing, interleaved(stamps, stamps)) == [(s, s) for s in stamps]


def test_a_message_slightly_out_of_order_is_no_jump(pairing):
    assert feed(pairing, [(0, 100 * MS), (0, 67 * MS), (1, 100 * MS), (1, 67 * MS)]) == [
        (100 * MS, 100 * MS),
        (67 * MS, 67 * MS),
    ]
    assert pairing.counters.resets == 0


def test_an_exception_in_the_consumer_leaves_pairing_intact(pairing):
    consumed = []

    def consumer(pair):
        if pair[0] == 5 * PERIOD:
            raise RuntimeError("consumer failed")
        consumed.append(pair)

    failures = 0
    for stream, stamp in interleaved(*[[i * PERIOD for i in range(10)]] * 2):
        pair = pairing.add(stream, stamp, stamp)
        try:
            if pair:
                consumer(pair)
        except RuntimeError:
            failures += 1
    assert (failures, len(consumed)) == (1, 9)


def test_keeps_a_short_queue_and_counts_what_leaves_it(make_pairing):
    pairing = make_pairing(SLOP, 3)
    feed(pairing, [(0, i * 100 * MS) for i in range(10)])
    assert pairing.counters.unmatched == [7, 0]
    assert feed(pairing, [(1, 0)]) == []
    assert feed(pairing, [(1, 900 * MS)]) == [(900 * MS, 900 * MS)]


def test_tells_the_best_distance_since_the_last_pair(pairing):
    assert pairing.counters.best_distance_ns is None
    feed(pairing, [(0, 0), (1, 90 * MS), (0, 150 * MS), (1, 190 * MS)])
    assert pairing.counters.best_distance_ns == 40 * MS
    feed(pairing, [(0, 191 * MS)])
    assert pairing.counters.best_distance_ns is None
    assert pairing.counters.pairs == 1


def test_knows_the_partner_of_a_late_message_after_it_has_left_the_queue(pairing):
    feed(pairing, [(0, i * PERIOD) for i in range(30)])
    assert feed(pairing, [(1, 14 * PERIOD + MS)]) == []
    assert pairing.counters.nearest == Nearest(MS, MS - 15 * PERIOD, needed=16, spacing_ns=PERIOD)


def test_a_paired_message_is_nobody_else_s_partner(pairing):
    feed(pairing, [(0, 0), (0, 300 * MS), (1, 300 * MS), (1, 301 * MS)])
    assert pairing.counters.nearest is None
    feed(pairing, [(0, 400 * MS)])
    assert pairing.counters.nearest.offset_ns == -99 * MS


def test_what_it_remembers_is_bounded():
    memory = StampMemory(4)
    for stamp in (900, 1, 5, 3, 4):  # 900 came first and leaves first, though it is the largest
        memory.add(stamp)
    assert memory.nearest(900, 1).offset_ns == 895
    assert memory.nearest(0, 1) == Nearest(-1, -5, needed=4, spacing_ns=1)
    memory.forget_until(3)
    assert memory.nearest(3, 0) == Nearest(1, 2, needed=2, spacing_ns=1)
    memory.clear()
    assert memory.nearest(3, 0) is None


@pytest.mark.parametrize("arguments", [(-1, 10), (SLOP, 0)])
def test_refuses_a_negative_slop_and_an_empty_queue(make_pairing, arguments):
    with pytest.raises(ValueError, match="expected"):
        make_pairing(*arguments)


def test_the_watch_counts_every_message_once():
    watch = StreamWatch(queue_size=2)
    for i in range(5):
        watch.observe(0, i)
    watch.observe(1, 4)
    watch.paired((4, 4))
    assert (watch.counters.received, watch.counters.unmatched, watch.counters.pairs) == ([5, 1], [3, 0], 1)

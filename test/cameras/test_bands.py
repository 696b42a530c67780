"""Bands of rows."""

import os
import threading

import pytest

from depth_sr_ros.cameras.bands import in_bands


@pytest.mark.parametrize(("rows", "threads"), [(10, 1), (10, 3), (2, 8), (1, 4), (0, 2)])
def test_bands_make_up_all_rows(rows, threads):
    bands = in_bands(lambda first, last: (first, last), rows, threads)
    assert [row for first, last in bands for row in range(first, last)] == list(range(rows))
    assert 1 <= len(bands) <= threads


def test_bands_run_at_once():
    meeting = threading.Barrier(3, timeout=20)
    assert len(in_bands(lambda first, last: meeting.wait(), 3, 3)) == 3


def test_what_a_band_raises_is_raised():
    def work(first, last):
        if first:
            raise KeyError(first)

    with pytest.raises(KeyError, match="5"):
        in_bands(work, 10, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    in_bands(lambda first, last: None, 10, 2)
    child = os.fork()
    if child == 0:
        os._exit(0 if in_bands(lambda first, last: last - first, 10, 2) == [5, 5] else 1)
    overdue = threading.Timer(20, os.kill, (child, 9))
    overdue.start()
    status = os.waitpid(child, 0)[1]
    overdue.cancel()
    assert status == 0

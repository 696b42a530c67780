"""The one-slot mailbox and the thread behind it."""

from __future__ import annotations

from threading import Event, Thread

from depth_sr_ros.ros.mailbox import Mailbox
from depth_sr_ros.ros.worker import InferenceWorker


def test_drops_the_older_item_when_busy():
    box: Mailbox[int] = Mailbox()
    assert [box.put(1), box.put(2), box.put(3)] == [False, True, True]
    assert box.take() == 3


def test_take_waits_for_an_item():
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    thread = Thread(target=lambda: taken.append(box.take()))
    thread.start()
    box.put(7)
    thread.join(5)
    assert taken == [7]


def test_close_gives_back_what_nobody_took_and_frees_who_waits():
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    thread = Thread(target=lambda: taken.append(box.take()))
    thread.start()
    assert box.close() is None
    thread.join(5)
    assert taken == [None]
    full: Mailbox[int] = Mailbox()
    full.put(1)
    assert (full.close(), full.take()) == (1, None)


def test_the_worker_goes_on_after_an_item_that_fails():
    done, failed, finished = [], [], Event()

    def process(item: int) -> None:
        if item == 1:
            raise ValueError("bad item")
        done.append(item)
        finished.set()

    started = Event()

    def note(item: int, error: Exception) -> None:
        failed.append((item, str(error)))
        started.set()

    worker = InferenceWorker(process, note)
    worker.submit(1)
    assert started.wait(5)
    worker.submit(2)
    assert finished.wait(5)
    assert worker.stop(30) == (None, True)
    assert (done, failed) == ([2], [(1, "bad item")])


class HeldWorker:
    """A worker that is in the midst of item 1 and goes on when `release` is set."""

    def __init__(self) -> None:
        self.entered, self.release = Event(), Event()
        self.done: list[int] = []
        self.worker = InferenceWorker(self._process, lambda item, error: None)
        self.worker.submit(1)
        assert self.entered.wait(5)

    def _process(self, item: int) -> None:
        self.entered.set()
        self.release.wait(30)
        self.done.append(item)


def test_the_worker_works_on_the_newest_while_it_was_busy():
    held = HeldWorker()
    assert [held.worker.submit(2), held.worker.submit(3)] == [False, True]
    held.entered.clear()
    held.release.set()
    assert held.entered.wait(5)
    held.worker.stop(30)
    assert held.done == [1, 3]


def test_stop_gives_back_what_waits_and_is_patient_only_so_long():
    held = HeldWorker()
    held.worker.submit(2)
    assert held.worker.stop(0.05) == (2, False)
    held.release.set()
    assert held.worker.stop(30) == (None, True)
    assert held.done == [1]

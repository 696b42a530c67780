"""The one inference thread."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic

from depth_sr_ros.ros.mailbox import Item, Mailbox


class InferenceWorker(Generic[Item]):
    """Takes the newest item out of its mailbox and processes it, one after the other, on its own thread.

    Args:
        process: does the work; its exceptions go to `failed`, and the thread continues.
        failed: told the item and the exception.
    """

    def __init__(self, process: Callable[[Item], None], failed: Callable[[Item, Exception], None]) -> None:
        self._process = process
        self._failed = failed
        self._mailbox: Mailbox[Item] = Mailbox()
        self._thread = Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> bool:
        """Hands the newest item over; True when it pushed out an older one."""
        return self._mailbox.put(item)

    def stop(self, patience: float) -> tuple[Item | None, bool]:
        """Ends the thread after the item in work.

        Args:
            patience: longest wait for the item in work, seconds.

        Returns:
            The item that was still waiting, and whether the thread has ended.
        """
        waiting = self._mailbox.close()
        self._thread.join(patience)
        return waiting, not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._mailbox.take()) is not None:
            try:
                self._process(item)
            except Exception as error:  # whatever it is, the next frame may be good
                self._failed(item, error)

"""A one-slot mailbox between the executor and the inference thread: the newest wins, latency never queues."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds at most one item."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leaves an item.

        Returns:
            True when it pushed out one that nobody had taken. A closed mailbox takes it and nobody will come.
        """
        with self._changed:
            pushed_out = self._item is not None
            self._item = item
            self._changed.notify()
            return pushed_out

    def take(self) -> Item | None:
        """Waits for an item and takes it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None)
            if self._closed:
                return None
            item, self._item = self._item, None
            return item

    def close(self) -> Item | None:
        """Lets every waiting `take` return None; gives back the item nobody has taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            item, self._item = self._item, None
            return item

"""The one error of this folder."""

from __future__ import annotations


class FrameError(ValueError):
    """A frame that cannot be used. It is skipped and counted; it never stops a stream.

    Args:
        cause: short word under which such frames are counted: `encoding`, `size`, `empty`, `data_length`,
            `all_invalid`, `no_overlap`, `unregistered` or `unreadable`.
        message: what was expected, what was found and what to change.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause

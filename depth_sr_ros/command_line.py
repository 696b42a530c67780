"""What both command lines share, `depth-sr` and `python -m training`: exit statuses, and values of options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ended.

    Attributes:
        DONE: everything that was asked for.
        INCOMPLETE: it ran, but something failed or was refused; the message says what. The rest is done.
        UNUSABLE: what was given cannot be used (options, settings, files, recordings); nothing was done.
        INTERRUPTED: stopped by SIGINT or SIGTERM, as shells count it (128 + 2).
    """

    DONE = 0
    INCOMPLETE = 1
    UNUSABLE = 2
    INTERRUPTED = 130


class Incomplete(Exception):
    """A command did what it could, and something failed or was refused; the message says what."""


class Interrupted(Exception):
    """A command was asked to stop; the message says what is kept and how to go on."""


def exit_status(command: Callable[[], int | None], program: str) -> int:
    """Runs a command and turns what it raises into one message on stderr and an exit status.

    Args:
        command: returns its own status, or None where it is done.
        program: what messages begin with, such as `depth-sr upsample`.
    """
    try:
        return int(command() or ExitStatus.DONE)
    except (Incomplete, Interrupted) as end:
        _say(str(end))
        return ExitStatus.INCOMPLETE if isinstance(end, Incomplete) else ExitStatus.INTERRUPTED
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except (ValueError, OSError) as error:  # settings, recordings, files: each says what to change
        _say(f"{program}: {error}")
        return ExitStatus.UNUSABLE


def four_numbers(text: str) -> tuple[float, float, float, float]:
    """`fx fy cx cy`, apart by spaces or commas. Raises ArgumentTypeError for anything else."""
    try:
        fx, fy, cx, cy = (float(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected four numbers fx fy cx cy, found {text!r}") from error
    return fx, fy, cx, cy


def seven_numbers(text: str) -> tuple[float, ...]:
    """`x y z qx qy qz qw`, apart by spaces or commas. Raises ArgumentTypeError for anything else."""
    try:
        numbers = tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        numbers = ()
    if len(numbers) != 7:
        raise argparse.ArgumentTypeError(f"expected seven numbers x y z qx qy qz qw, found {text!r}")
    return numbers


def positive(text: str) -> float:
    """A number above 0. Raises ArgumentTypeError for anything else."""
    value = _number(text)
    if value is None or not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, found {text}")
    return value


def not_negative(text: str) -> float:
    """A number of 0 or more. Raises ArgumentTypeError for anything else."""
    value = _number(text)
    if value is None or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, found {text}")
    return value


def count(text: str) -> int:
    """A whole number of 1 or more. Raises ArgumentTypeError for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text}")
    return int(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

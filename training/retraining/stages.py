"""A retraining goes in stages; each leaves one file when it is finished, and is not done again of the same inputs.

Files appear under their names when they are complete. What a stage left half-done is overwritten by the next run of the
same command.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from safetensors import SafetensorError

from depth_sr_ros.command_line import Incomplete, Interrupted
from training.extraction.manifest import replace_file
from training.extraction.shards import to_json
from training.fitting.checkpoints import TrainingInterrupted
from training.retraining.settings import digest_of

Say = Callable[[str], None]

_INPUTS = "inputs"  # digest of them, in every stage's file


class RetrainingInterrupted(Interrupted):
    """Asked to stop. Finished stages are kept; the same command continues."""


class PromotionRefused(Incomplete):
    """The new weights are not better enough; the message says where."""


class Stages:
    """Runs stages, or reads what they have left.

    Args:
        out: folder of the retraining.
        say: told what a user should know.
    """

    def __init__(self, out: Path, say: Say) -> None:
        self.out, self.say = out, say
        self.current = "reading the recordings"

    def once(
        self, name: str, doing: str, inputs: Mapping[str, Any], work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What a stage found: from its file, or by doing it now and writing that.

        Args:
            name: of the file, without suffix.
            doing: the stage in words.
            inputs: what decides on its result; a file that is of others, or damaged, does not count.
            work: does it.
        """
        path, key = self.out / f"{name}.json", digest_of(inputs)
        found = _read(path)
        if found.pop(_INPUTS, None) == key:
            self.say(f"{doing}: done before")
            return found
        self.current = doing
        self.say(f"{doing} ...")
        replace_file(path, to_json(work() | {_INPUTS: key}))
        found = _read(path)
        del found[_INPUTS]
        return found

    def begin(self, doing: str) -> None:
        """Names what is done next and is done every time."""
        self.current = doing
        self.say(f"{doing} ...")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def stoppable(stages: Stages) -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into RetrainingInterrupted, and errors of the disk into advice.

    Raises:
        RetrainingInterrupted: stopped.
        ValueError: the folder cannot be written.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except TrainingInterrupted as interruption:
        step = str(interruption).partition(";")[0]
        raise RetrainingInterrupted(_stopped(stages, f" ({step})")) from None
    except KeyboardInterrupt:
        raise RetrainingInterrupted(_stopped(stages)) from None
    except (OSError, SafetensorError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"{stages.out}: stopped while {stages.current}: {error}. Free some space or choose another --out; run the "
            "same command again to continue from the last finished stage"
        ) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _stopped(stages: Stages, more: str = "") -> str:
    return f"interrupted while {stages.current}{more}; run the same command again to continue in {stages.out}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt

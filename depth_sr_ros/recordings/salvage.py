"""A damaged bag, read as far as it can be: the same interface as `rosbags.highlevel.AnyReader`, as far as we use it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from depth_sr_ros.recordings.bag_records import RawMessage, db3_messages, inflated, mcap_messages, ros1_messages

_Walk = Callable[[Path, list[str]], Iterator[RawMessage]]
_WALKS: dict[str, _Walk] = {".mcap": mcap_messages, ".db3": db3_messages, ".bag": ros1_messages}


@dataclass(frozen=True)
class SalvagedTopic:
    """A topic of a damaged bag, its type in ROS 2 spelling, and how many of its messages can still be had."""

    topic: str
    msgtype: str
    msgcount: int


class SalvagedBag:
    """What is left of a bag: its files are walked from the start, without index, footer and metadata.yaml.

    Message types are those of ROS 2 Jazzy, or ROS 1 Noetic; definitions in the bag are not looked at. Files that
    `ros2 bag` compressed as a whole are not read.

    Attributes:
        is2: whether it is a bag of ROS 2.
        connections: its topics.
        duration: nanoseconds between the first and the last message.
        losses: what could not be read, one clause each.

    Args:
        path: the bag, a folder or a file.
    """

    def __init__(self, path: Path) -> None:
        self._files = bag_files(path)
        self.is2 = all(file.suffix != ".bag" for file in self._files)
        self._store = get_typestore(Stores.ROS2_JAZZY if self.is2 else Stores.ROS1_NOETIC)
        self.losses: list[str] = []
        counts: Counter[tuple[str, str]] = Counter()
        times: list[int] = []
        for message in self._walk(self.losses):
            counts[message.topic, message.msgtype] += 1
            times.append(message.recorded_ns)
        self.connections = [SalvagedTopic(*key, count) for key, count in sorted(counts.items())]
        self.duration = max(times) - min(times) if times else 0

    def messages(self, connections: Sequence[SalvagedTopic]) -> Iterator[tuple[SalvagedTopic, int, bytes]]:
        """Messages of some topics: topic, time of recording in nanoseconds, bytes."""
        wanted = {(topic.topic, topic.msgtype): topic for topic in connections}
        for message in self._walk([]):
            topic = wanted.get((message.topic, message.msgtype))
            if topic is not None:
                yield topic, message.recorded_ns, message.data

    def deserialize(self, rawdata: bytes, typ: str) -> Any:
        """A message out of its bytes.

        Raises:
            ValueError: damaged bytes; or whatever else the parser meets in them.
        """
        try:
            rawdata = inflated(rawdata)
            return (self._store.deserialize_cdr if self.is2 else self._store.deserialize_ros1)(rawdata, typ)
        except SerdeError as error:
            raise ValueError(str(error)) from error

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _walk(self, losses: list[str]) -> Iterator[RawMessage]:
        for file in self._files:
            yield from _WALKS[file.suffix](file, losses)


def bag_files(path: Path) -> list[Path]:
    """The files of a bag that hold messages, in order of recording: itself, or those of its folder by number.

    Raises:
        OSError: it cannot be listed.
    """
    if path.is_file():
        return [path] if path.suffix in _WALKS else []
    files = [file for file in path.iterdir() if file.suffix in _WALKS and file.is_file()]
    return sorted(files, key=lambda file: [int(word) if word.isdigit() else word for word in _words(file.name)])


def _words(name: str) -> list[str]:
    """Digits and other text in turn, beginning with text, so that lists of them can be compared."""
    return re.split(r"(\d+)", name)

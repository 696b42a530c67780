"""Messages recovered from damaged bag files, record by record.

The well-kept readers of `rosbags` need whole files: index, footer, checksums. What a killed recorder, a full disk or a
broken copy leaves has none of these, but its records can still be walked from the start. Each function yields
`RawMessage`s in file order and says in `losses` what it had to leave out.
"""

from __future__ import annotations

import bz2
import struct
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

# these come with rosbags
import apsw
import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MCAP_MAGIC, _ROS1_MAGIC = b"\x89MCAP0\r\n", b"#ROSBAG V2.0\n"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MCAP_LAST_OPCODE = 0x0F
_NANOSECONDS = 1_000_000_000
# message ids in a row that may be unreadable before the rest of a database is given up
_PATIENCE = 1000


class RawMessage(NamedTuple):
    """A message as it lies in a bag: topic, type in ROS 2 spelling, time of recording in nanoseconds, bytes."""

    topic: str
    msgtype: str
    recorded_ns: int
    data: bytes


def mcap_messages(path: Path, losses: list[str]) -> Iterator[RawMessage]:
    """Messages of an MCAP file. A chunk whose checksum is wrong is left out, of one that is cut off the rest is."""
    with path.open("rb") as file:
        if file.read(len(_MCAP_MAGIC)) != _MCAP_MAGIC:
            losses.append(f"{path.name}: not an MCAP file")
            return
        yield from _McapWalk(path.name, losses).walk(file, "")


class _McapWalk:
    def __init__(self, name: str, losses: list[str]) -> None:
        self._name, self._losses = name, losses
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}

    def walk(self, file: BinaryIO, where: str) -> Iterator[RawMessage]:
        while True:
            at = file.tell()
            head = file.read(9)
            if not head or head.startswith(_MCAP_MAGIC):
                return
            opcode, size = (head[0], int.from_bytes(head[1:], "little")) if len(head) == 9 else (0, 0)
            if not 0 < opcode <= _MCAP_LAST_OPCODE:
                self._losses.append(f"{self._name}: no records{where} from byte {at} on")
                return
            content = _read(file, size)
            if opcode == 0x06:
                yield from self._chunk(content, at, len(content) == size)
            elif len(content) == size:
                yield from self._record(opcode, content)
            if len(content) < size:
                self._losses.append(f"{self._name}: cut off{where} inside the record at byte {at}")
                return

    def _record(self, opcode: int, content: bytes) -> Iterator[RawMessage]:
        if opcode == 0x03:
            (key, length) = struct.unpack_from("<HI", content)
            self._schemas[key] = content[6 : 6 + length].decode(errors="replace")
        elif opcode == 0x04:
            key, schema, length = struct.unpack_from("<HHI", content)
            topic = content[8 : 8 + length].decode(errors="replace")
            self._channels[key] = (topic, self._schemas.get(schema, ""))
        elif opcode == 0x05 and len(content) >= 22:
            key, _, log_time = struct.unpack_from("<HIQ", content)
            if key in self._channels:
                yield RawMessage(*self._channels[key], log_time, content[22:])

    def _chunk(self, content: bytes, at: int, whole: bool) -> Iterator[RawMessage]:
        try:
            _, _, size, checksum, length = struct.unpack_from("<QQQII", content)
            compression = content[32 : 32 + length].decode(errors="replace")
            records = _decompressed(content[40 + length :], compression)
        except (struct.error, ValueError) as error:
            self._losses.append(f"{self._name}: the chunk at byte {at} cannot be read ({error})")
            return
        if whole and (len(records) != size or (checksum and zlib.crc32(records) != checksum)):
            self._losses.append(f"{self._name}: the chunk at byte {at} has a wrong checksum")
            return
        yield from self.walk(BytesIO(records), f" of the chunk at byte {at}")


def ros1_messages(path: Path, losses: list[str]) -> Iterator[RawMessage]:
    """Messages of a ROS 1 bag, with or without its index."""
    with path.open("rb") as file:
        if file.read(len(_ROS1_MAGIC)) != _ROS1_MAGIC:
            losses.append(f"{path.name}: not a bag of ROS 1, format 2.0")
            return
        yield from _ros1_walk(file, path.name, "", {}, losses)


def _ros1_walk(
    file: BinaryIO, name: str, where: str, topics: dict[bytes, tuple[str, str]], losses: list[str]
) -> Iterator[RawMessage]:
    while True:
        at = file.tell()
        fields, header_whole = _ros1_part(file)
        if not fields and header_whole:
            return
        data, whole = _ros1_part(file) if header_whole else (b"", False)
        header = _ros1_fields(fields) if header_whole else {}
        operation = header.get("op")
        if operation == b"\x05":
            try:
                records = _decompressed(data, header.get("compression", b"").decode(errors="replace"))
            except ValueError as error:
                losses.append(f"{name}: the chunk at byte {at} cannot be read ({error})")
            else:
                yield from _ros1_walk(BytesIO(records), name, f" of the chunk at byte {at}", topics, losses)
        elif operation == b"\x07" and whole:
            kind = _ros1_fields(data).get("type", b"").decode(errors="replace")
            topic = header.get("topic", b"").decode(errors="replace")
            topics[header.get("conn", b"")] = (topic, kind.replace("/", "/msg/", 1))
        elif operation == b"\x02" and whole and header.get("conn") in topics and len(header.get("time", b"")) == 8:
            sec, nanosec = struct.unpack("<II", header["time"])
            yield RawMessage(*topics[header["conn"]], sec * _NANOSECONDS + nanosec, data)
        if not whole:
            losses.append(f"{name}: cut off{where} inside the record at byte {at}")
            return


def _ros1_part(file: BinaryIO) -> tuple[bytes, bool]:
    """A length and so many bytes; whether all of it was there, or nothing at all."""
    head = file.read(4)
    if len(head) < 4:
        return b"", not head
    (size,) = struct.unpack("<I", head)
    data = _read(file, size)
    return data, len(data) == size


def _ros1_fields(data: bytes) -> dict[str, bytes]:
    fields, at = {}, 0
    while at + 4 <= len(data):
        (size,) = struct.unpack_from("<I", data, at)
        name, _, value = data[at + 4 : at + 4 + size].partition(b"=")
        fields[name.decode(errors="replace")] = value
        at += 4 + size
    return fields


def unmerged_db3(path: Path) -> str | None:
    """What is missing from a file whose last messages are still in SQLite's log beside it; None where nothing is."""
    log = path.with_name(f"{path.name}-wal")
    if path.suffix != ".db3" or not log.is_file() or not log.stat().st_size:
        return None
    return (
        f"the last messages are in {log.name}, {log.stat().st_size} bytes, which are not read: a recorder was killed, "
        f'or one is still running; merge them into the bag with `sqlite3 {path} "PRAGMA wal_checkpoint(TRUNCATE)"`'
    )


def db3_messages(path: Path, losses: list[str]) -> Iterator[RawMessage]:
    """Messages of an SQLite bag, row by row, rows on lost pages left out."""
    if (missing := unmerged_db3(path)) is not None:
        losses.append(missing)
    try:
        connection = apsw.Connection(f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        # lets SQLite read a file that is shorter than its header says; nothing is written
        connection.pragma("writable_schema", True)
        topics = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT id, name, type FROM topics")}
    except apsw.Error as error:
        losses.append(f"{path.name}: the table of topics cannot be read ({error})")
        return
    last, missed, lost = 0, 0, 0
    question = "SELECT id, topic_id, timestamp, data FROM messages WHERE id > ? ORDER BY id"
    while missed < _PATIENCE:
        try:
            for row, topic, recorded_ns, data in connection.execute(question, (last,)):
                last, lost, missed = row, lost + missed, 0
                if topic in topics and isinstance(data, bytes):
                    yield RawMessage(*topics[topic], recorded_ns, data)
            break
        except apsw.Error:
            last, missed = last + 1, missed + 1
    connection.close()
    if missed == _PATIENCE:
        losses.append(f"{path.name}: no messages can be read after number {last - missed}")
    if lost:
        losses.append(f"{path.name}: {lost} messages are on damaged pages")


def inflated(data: bytes) -> bytes:
    """A message that `ros2 bag` compressed by itself, as it was; any other unchanged. Raises ValueError for damage."""
    return _decompressed(data, "zstd") if data.startswith(_ZSTD_MAGIC) else data


def _read(file: BinaryIO, size: int) -> bytes:
    """At most that many bytes; a damaged size must not claim memory."""
    at = file.tell()
    left = file.seek(0, 2) - at
    file.seek(at)
    return file.read(min(size, left))


def _decompressed(data: bytes, compression: str) -> bytes:
    """As much of a compressed block as there is. Raises ValueError where nothing can be read."""
    if compression in ("", "none"):
        return data
    try:
        if compression == "lz4":
            return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data))
        if compression == "zstd":
            return bytes(zstd.ZstdDecompressor().decompress(data))
        if compression == "bz2":
            return bz2.BZ2Decompressor().decompress(data)
    except (RuntimeError, zstd.ZstdError, OSError, EOFError) as error:
        raise ValueError(f"damaged {compression}: {error}") from error
    raise ValueError(f"unknown compression {compression!r}")

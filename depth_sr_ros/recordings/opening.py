"""Opens whatever a path holds: a bag, or a folder of images."""

from __future__ import annotations

from pathlib import Path

from depth_sr_ros.recordings.image_files import FolderRecording
from depth_sr_ros.recordings.recording import Recording, RecordingError, Streams

BAG_SUFFIXES = (".mcap", ".db3", ".bag")
"""File endings that are read as bags."""


def is_bag(source: Path) -> bool:
    """Whether a path is a bag: a bag file, or a folder that holds a bag's metadata."""
    return source.suffix in BAG_SUFFIXES or (source / "metadata.yaml").is_file()


def open_recording(source: Path, streams: Streams | None = None) -> Recording:
    """Opens a bag or a folder of images.

    Args:
        source: a bag (folder or file), or a folder laid out as `FolderRecording` says.
        streams: what cannot be guessed.

    Raises:
        RecordingError: nothing readable there; the message says what was expected.
    """
    source, streams = Path(source), streams or Streams()
    if not source.exists():
        raise RecordingError(f"{source}: no such file or folder; expected a bag or a folder with rgb/ and depth/")
    if is_bag(source):
        return _open_bag(source, streams)
    if source.is_dir():
        bags = sorted(path for path in source.iterdir() if path.suffix in BAG_SUFFIXES)
        if bags:
            return open_recording(bags[0], streams) if len(bags) == 1 else _refuse_several(source, bags)
        return FolderRecording(source, streams)
    raise RecordingError(
        f"{source}: expected a bag ({', '.join(BAG_SUFFIXES)}) or a folder, found a {source.suffix or 'plain'} file; "
        "give single images by --rgb and --depth"
    )


def _open_bag(source: Path, streams: Streams) -> Recording:
    try:
        from depth_sr_ros.recordings.bag import BagRecording
    except ImportError as error:
        raise RecordingError(
            f"{source}: bags are read through rosbags, which is not installed ({error}); "
            "pip install rosbags rosbags-image"
        ) from error
    return BagRecording(source, streams)


def _refuse_several(source: Path, bags: list[Path]) -> Recording:
    raise RecordingError(
        f"{source}: found {len(bags)} bag files and no metadata.yaml to join them; give one of them, e.g. {bags[0]}"
    )

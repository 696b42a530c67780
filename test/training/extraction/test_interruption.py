"""Stopped at every stage, and a full disk: nothing half-written is used, and the next run ends with the same bytes."""

import errno
import hashlib
import importlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from training.extraction.bag_task import ExtractionOptions, check_shards
from training.extraction.manifest import Manifest
from training.extraction.run import extract

SMALL = ExtractionOptions(shard_samples=5)
ROOT = Path(__file__).parents[3]
# where, and at which of its calls
STAGES = {
    "hashing": ("training.extraction.workers:hash_bag", 2),
    "writing a sample": ("training.extraction.shards:ShardWriter.add", 8),
    "closing a shard": ("training.extraction.shards:ShardWriter.close", 2),
    "drawing the sheet": ("training.extraction.sheet:ContactSheet.draw", 2),
    "naming shards": ("training.extraction.bag_task:os.replace", 6),
    "writing the manifest": ("training.extraction.manifest:replace_file", 2),
}
DISK = {
    "disk full in a shard": ("training.extraction.shards:_OpenShard.add", 8),
    "disk full at a rename": ("training.extraction.bag_task:os.replace", 6),
    "disk full in the manifest": ("training.extraction.manifest:replace_file", 2),
}
FULL = OSError(errno.ENOSPC, "No space left on device")


def find(name):
    module, _, path = name.partition(":")
    *owners, attribute = path.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    return owner, attribute


@pytest.mark.parametrize("stage", [*STAGES, *DISK])
def test_nothing_half_written_is_used_and_the_next_run_goes_on(bags, whole, tmp_path, scene, monkeypatch, stage):
    (owner, attribute), at = find((STAGES | DISK)[stage][0]), (STAGES | DISK)[stage][1]
    error = FULL if stage in DISK else KeyboardInterrupt()
    original, calls = getattr(owner, attribute), []

    def failing(*arguments, **options):
        calls.append(1)
        if len(calls) == at:
            raise error
        return original(*arguments, **options)

    out = tmp_path / "out"
    monkeypatch.setattr(owner, attribute, failing)
    with pytest.raises(type(error)):
        extract([bags], out, SMALL, say=lambda text: None)
    monkeypatch.undo()
    only_whole_shards_are_listed(out)
    assert not (out / ".work").exists() and not list(out.glob(".*.part"))
    extract([bags], out, SMALL, say=lambda text: None)
    assert scene.tree(out) == whole


def only_whole_shards_are_listed(out):
    if not (out / "manifest.json").is_file():
        return
    for record in Manifest.read(out).bags.values():
        assert not check_shards(record, out)
        for shard in record.shards:
            assert hashlib.sha256((out / shard.name).read_bytes()).hexdigest() == shard.sha256


def test_a_full_disk_ends_the_run_with_advice_and_nothing_half_written(bags, tmp_path, scene):
    """The system itself refuses to let files grow beyond a limit, in a process of its own."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom training.extraction.bag_task import ExtractionOptions\n"
        "from training.extraction.run import extract\n"
        "extract([Path(sys.argv[1])], Path(sys.argv[2]), ExtractionOptions(shard_samples=5))\n"
    )
    command = [sys.executable, "-c", code, str(bags), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    ended = subprocess.run(
        command, env=environment, preexec_fn=small_files, capture_output=True, text=True, timeout=110
    )
    assert ended.returncode != 0 and "expected room for a shard, found: File too large" in ended.stderr, ended.stderr
    assert "free some space or choose another --out" in ended.stderr
    assert scene.tree(tmp_path / "out") == {} and not (tmp_path / "out" / ".work").exists()

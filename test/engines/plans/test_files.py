"""One holder at a time, between real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from depth_sr_ros.engines.plans.files import lock_if_free, locked, write_whole

HOLDER = """
import sys
from pathlib import Path
from depth_sr_ros.engines.plans.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock, and the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process, tmp_path / "lock"
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, None], ids=["killed", "finished"])
def test_waits_for_the_holder_and_names_it(holder, how):
    process, lock = holder
    waiting, told = threading.Event(), []

    def tell(who: str) -> None:
        told.append(who)
        waiting.set()

    def release() -> None:
        waiting.wait(30)
        with lock_if_free(lock) as free:
            assert not free
        process.send_signal(how) if how else process.stdin.close()

    threading.Thread(target=release).start()
    with locked(lock, tell):
        pass
    assert len(told) == 1 and told[0].startswith(f"process {process.pid} on ")


def test_a_lock_whose_file_was_removed_is_not_mistaken_for_the_one_that_took_its_place(holder):
    _, lock = holder
    lock.unlink()
    with locked(lock), lock_if_free(lock) as free:
        assert not free
    assert lock.exists()


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path):
    write_whole(tmp_path / "plan", b"old")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "plan", "no bytes")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("plan", b"old")]

"""The demo's other two processes: the camera and the node. Each writes into a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO

_STOP_S = 5.0


class LoggedProcess:
    """A Python module in a process of its own, stopped when the block ends.

    Args:
        module: run as `python -m module`.
        arguments: its command line.
        log: file for its standard error, and for standard output too unless that is read here.
        read_output: whether standard output is read here.
    """

    def __init__(self, module: str, arguments: list[str], log: Path, read_output: bool = False) -> None:
        self.log = log
        self._file: IO[bytes] = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read_output else self._file,
            stderr=self._file,
            env=dict(os.environ),
        )
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)
        self._read = b""

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def peak_memory_mib(self) -> float:
        """Largest resident size it has had so far, from /proc; 0 once it has ended."""
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text().splitlines() if status.is_file() else []
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)

    def lines(self) -> list[str]:
        """The complete lines it has printed so far; only with `read_output`."""
        assert self._process.stdout is not None
        self._read += self._process.stdout.read() or b""
        return self._read.decode(errors="replace").split("\n")[:-1]

    def last_words(self, count: int = 3) -> str:
        """The last lines of its log."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-count:]) or "nothing"

    def stop(self) -> None:
        """Interrupts it as Ctrl-C would, and waits; kills it where that does not help."""
        if not self.ended:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._file.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> LoggedProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

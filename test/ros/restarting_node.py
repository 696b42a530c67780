"""The node, again and again in one process: a line of stdin with a JSON list starts it with these arguments, an empty
line ends it.
"""

from __future__ import annotations

import json
import queue
import sys
import threading

from rclpy.utilities import try_shutdown

from depth_sr_ros.ros.node import main

_starts: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()


def _read() -> None:
    for line in sys.stdin:
        if line.strip():
            _starts.put(json.loads(line))
        else:
            try_shutdown()
    _starts.put(None)


threading.Thread(target=_read, daemon=True).start()
while (arguments := _starts.get()) is not None:
    print("ended with", main(arguments), flush=True)

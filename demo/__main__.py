"""Command line of the demo: `python -m demo [--bag PATH] [--seconds N] [--out FOLDER] [--ros-args …]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from depth_sr_ros.ros.dds_profile import use_profile


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; returns 0 if frames came out, 1 otherwise.

    Args:
        arguments: command line; None takes that of this process. What follows `--ros-args` goes to the node.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--ros-args") if "--ros-args" in given else len(given)
    parser = argparse.ArgumentParser(prog="python -m demo", description="A scene through ROS into the node.")
    parser.add_argument("--bag", type=Path, help="recording to show instead: a bag, or a folder of images")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (default 20)")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the results (out/demo)")
    parser.add_argument("--cache", type=Path, default=Path("out/cache"), help="folder for the scene (out/cache)")
    parser.epilog = "Parameters of the node: python -m demo --ros-args -p scale:=4"
    options = parser.parse_args(given[:split])
    _choose_network()
    # ROS reads its environment when it is imported
    from demo.run import DemoOptions, run_demo
    from demo.scene import DemoError

    try:
        settings = DemoOptions(
            options.bag, options.seconds, options.out, options.cache, node_arguments=tuple(given[split:])
        )
        report = run_demo(settings)
    except (DemoError, ValueError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    print(_summary(report, options.out))
    return 0


def _choose_network() -> None:
    """Keeps the demo on this machine, and out of the way of robots, unless the user has chosen otherwise."""
    use_profile()
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    print(f"Look in from another terminal with ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}.", flush=True)


def _summary(report: dict[str, Any], out: Path) -> str:
    latency, rmse = report["latency_ms"], report["rmse_m"]
    dropped = ", ".join(f"{count} {cause}" for cause, count in report["dropped"].items()) or "none"
    error = "unknown"
    if rmse:
        classical, bicubic, aligned = (1e3 * rmse[name] for name in ("classical", "bicubic", "input"))
        error = f"{1e3 * rmse['output']:.1f} mm (classical {classical:.1f} mm, bicubic {bicubic:.1f} mm; "
        error += f"as a driver aligns it {aligned:.1f} mm over {report['coverage']['input']:.0%})"
    picture = f"{out / 'frame.png'}" if report["picture"] else "no picture: no output could be put beside its input"
    return (
        f"\n{report['model']} on {report['engine']}: {report['frames_out']} of {report['pairs_in']} pairs became depth "
        f"(dropped: {dropped}); stamp to publish p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms; "
        f"RMSE {error}\n{out / 'report.json'}\n{picture}"
    )


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.engines`: every model, engine and precision beside plain PyTorch and the machine's limits.

Each artifact is one job in a process of its own, in which everything is timed in turn; ratios are within that job. A
small sibling and its network are a job together. What is done is kept in `engines.json`, and a run that was stopped
goes on from there. Writes `engines.md` and `scaling.png`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.engines_report import report, scaling_lines
from bench.kept import write_results
from bench.limits import copy_bandwidth, limit_cases, machine, rates
from bench.plot import scaling_plot
from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.commands.timing import time_in_turn
from depth_sr_ros.engines.cpu import default_threads

_SIZE = "640x480"
# a small sibling, and its network in weights that have a graph in 8-bit integers where the sibling has
_SIBLINGS = {"fdkn_s_x8": "fdkn_x8_live", "jiif_s_x8": "jiif_x8"}
_SCALING = ("320x240", "640x480", "960x720", "1280x960", "1920x1080")

Results = dict[str, Any]


def main() -> int:
    """Measures what is missing and writes the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--artifacts", type=Path, nargs="*", default=[], help="further artifacts, e.g. quantised ones")
    parser.add_argument("--only", nargs="*", help="names of artifacts to measure")
    parser.add_argument("--threads", type=int, default=0, help="0 takes what engines take by themselves")
    parser.add_argument("--quick", action="store_true", help="few rounds, three sizes")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    threads = options.threads or default_threads()
    file = options.out / "engines.json"
    results: Results = json.loads(file.read_text()) if file.is_file() and not options.again else {}
    folders = {read_artifact(f).folder.name: read_artifact(f).folder for f in options.artifacts}
    # live weights: `bench.frames`, registration included
    papers = [name for name in list_artifacts() if read_artifact(SHIPPED / name).card.scale]
    folders = {**{name: SHIPPED / name for name in papers}, **folders}
    for name, job in _jobs(folders, threads, options).items():
        if name not in results and (not options.only or name.split("/")[0] in (*options.only, "machine")):
            print(f"{name} ...", flush=True)
            results[name] = job()
            write_results(results, file)
    text = report(results)
    (options.out / "engines.md").write_text(text)
    lines = scaling_lines(results)
    if lines:
        scaling_plot(lines, options.out / "scaling.png")
    print(text)
    return 0


def _jobs(folders: dict[str, Path], threads: int, options: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """What there is to measure, by name: the machine; times and memory of each artifact; its scaling; siblings."""
    rounds, seconds = (3, 10.0) if options.quick else (15, 120.0)
    sizes = _SCALING[:2] + _SCALING[3:4] if options.quick else _SCALING
    jobs: dict[str, Callable[[], Any]] = {"machine": lambda: _machine(threads, rounds)}
    for name, folder in folders.items():
        common = ["--artifact", str(folder), "--threads", str(threads)]

        def times(common: list[str] = common) -> Any:
            arguments = [*common, "--size", _SIZE, "--rounds", str(rounds), "--seconds", str(seconds)]
            found = _reported("bench.engine_times", arguments)
            for row in [row for row in found["rows"] if "engine_ms" in found["rows"][row]]:
                engine, precision = row.split()
                asked = [*common, "--size", _SIZE, "--engine", engine, "--precision", precision]
                before, peak = _child("bench.peak_memory", asked).split()
                found["rows"][row] |= {"peak_mib": float(peak), "before_mib": float(before)}
            return found

        jobs[f"{name}/times"] = times
        for size in sizes:
            arguments = [*common, "--size", size, "--rounds", str(min(rounds, 5)), "--seconds", "0", "--only-best"]
            jobs[f"{name}/scaling/{size}"] = partial(_reported, "bench.engine_times", arguments)
    for name, network in _SIBLINGS.items():
        if {name, network} <= set(folders):
            arguments = ["--sibling", str(folders[name]), "--network", str(folders[network]), "--size", _SIZE]
            arguments += ["--threads", str(threads), "--rounds", str(3 * rounds), "--seconds", str(seconds)]
            jobs[f"{name}/beside/{network}"] = partial(_reported, "bench.sibling_times", arguments)
    return jobs


def _machine(threads: int, rounds: int) -> Any:
    return {
        "name": machine(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 1),
        "gflop_per_s": rates(time_in_turn(limit_cases(threads), rounds)),
        "copy_gb_per_s": copy_bandwidth(min(rounds, 5)),
    }


def _reported(module: str, arguments: list[str]) -> Any:
    """What a module of this folder prints last, as JSON."""
    return json.loads(_child(module, arguments))


def _child(module: str, arguments: list[str]) -> str:
    """Last line that a module of this folder prints."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed with status {done.returncode}; its message is above")
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())

"""The mean of the weights of several runs of one network.

Mitchell Wortsman et al., "Model soups", ICML 2022: runs that started from the same weights lie in one valley, and
their mean is often better than each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from depth_sr_ros.models.weights import load_weights
from training.run_folder import write_start
from training.stages import averaged_in
from training.start import average_command


def average_runs(runs: Sequence[Path], out: Path, shares: Sequence[float] | None = None) -> Path:
    """Writes the mean of the weights of runs, with `training.json`, for `start_from` or `export`.

    Args:
        runs: OUT folders of `train`, at least two; `data`, `machine` and `earlier` in the facts are the last one's,
            `averaged_in` are the stages that only the others went through.
        out: folder to write.
        shares: how much each run counts, above 0, relative to each other; alike where not given.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: a run has written no weights.
        ValueError: fewer than two runs, weights of different networks, or shares that do not fit the runs.
    """
    if len(runs) < 2:
        raise ValueError(f"expected two or more runs to average, found {len(runs)}")
    counts = [1.0] * len(runs) if shares is None else list(shares)
    if len(counts) != len(runs) or not all(0 < count < math.inf for count in counts):
        raise ValueError(f"shares: expected a number above 0 for each of {len(runs)} runs, found {counts}")
    states = [load_weights(run / "weights.safetensors") for run in runs]
    first = states[0]
    for run, state in zip(runs, states, strict=True):
        if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: weights of another network than {runs[0]}; average runs of one network")
    weighted = [count / sum(counts) for count in counts]
    mean = {
        name: torch.stack([share * state[name] for share, state in zip(weighted, states, strict=True)]).sum(dim=0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }
    facts = [json.loads((run / "training.json").read_text()) for run in runs]
    what = {
        "recipe": " and ".join(f["recipe"] for f in facts),
        "averaged": len(runs),
        **({"shares": counts} if shares is not None else {}),
        **{key: facts[-1][key] for key in ("data", "splits", "machine") if key in facts[-1]},
        "averaged_in": averaged_in(facts),
    }
    command = average_command([run.resolve().name for run in runs], "RUN", shares)
    return write_start(mean, what, command, runs[-1] / "weights.safetensors", out)

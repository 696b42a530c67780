"""The mean of the weights of several runs of one network.

Mitchell Wortsman et al., "Model soups", ICML 2022: runs that started from the same weights lie in one valley, and
their mean is often better than each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from depth_sr_ros.models.weights import load_weights
from training.run_folder import write_start


def average_runs(runs: Sequence[Path], out: Path) -> Path:
    """Writes the mean of the weights of runs, with `training.json`, for `start_from` or `export`.

    Args:
        runs: OUT folders of `train`, at least two.
        out: folder to write.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: a run has written no weights.
        ValueError: fewer than two runs, or weights of different networks.
    """
    if len(runs) < 2:
        raise ValueError(f"expected two or more runs to average, found {len(runs)}")
    states = [load_weights(run / "weights.safetensors") for run in runs]
    first = states[0]
    for run, state in zip(runs, states, strict=True):
        if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: weights of another network than {runs[0]}; average runs of one network")
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if tensor.is_floating_point() else tensor
        for name, tensor in first.items()
    }
    facts = [json.loads((run / "training.json").read_text()) for run in runs]
    what = {
        "recipe": " and ".join(f["recipe"] for f in facts),
        "averaged": len(runs),
        **{key: facts[-1][key] for key in ("data", "machine") if key in facts[-1]},
    }
    command = f"python -m training average {' '.join(f'runs/{run.resolve().name}' for run in runs)} --out RUN"
    return write_start(mean, what, command, runs[-1] / "weights.safetensors", out)

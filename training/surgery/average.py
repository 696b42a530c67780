"""The mean of the weights of several runs of one network.

Mitchell Wortsman et al., "Model soups", ICML 2022: runs that started from the same weights lie in one valley, and
their mean is often better than each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from depth_sr_ros.models.weights import load_weights
from training.fitting.run_folder import write_start


def average_runs(
    runs: Sequence[Path],
    out: Path,
    shares: Sequence[float] | None = None,
    parts: Mapping[str, Sequence[float]] | None = None,
) -> Path:
    """Writes the mean of the weights of runs, with `provenance.json`, for `start_from` or `export`.

    Args:
        runs: OUT folders of `train`, at least two.
        out: folder to write, by whose name the mean is known in its record.
        shares: how much each run counts, above 0, relative to each other; alike where not given.
        parts: other shares for the weights in whose names a word stands; the first that fits counts. What sees the
            guide alone, for instance, need not follow what depth is like.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: a run has written no weights.
        ValueError: fewer than two runs, weights of different networks, shares that do not fit the runs, or a part
            without weights.
    """
    if len(runs) < 2:
        raise ValueError(f"expected two or more runs to average, found {len(runs)}")
    counts = _checked([1.0] * len(runs) if shares is None else shares, len(runs), "shares")
    by_part = {word: _checked(of_part, len(runs), f"part {word}") for word, of_part in (parts or {}).items()}
    states = [load_weights(run / "weights.safetensors") for run in runs]
    first = states[0]
    for run, state in zip(runs, states, strict=True):
        if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{run}: weights of another network than {runs[0]}; average runs of one network")
    for word in by_part:
        if not any(word in name for name in first):
            raise ValueError(f"part {word}: expected a word in the names of weights, found it in none of {len(first)}")
    mean = {}
    for name, tensor in first.items():
        own = next((of_part for word, of_part in by_part.items() if word in name), counts)
        mean[name] = _mean([state[name] for state in states], own) if tensor.is_floating_point() else tensor
    facts = {
        "command": _command([run.resolve().name for run in runs], shares, parts),
        "averaged": len(runs),
        **({"shares": counts} if shares is not None else {}),
        **({"parts": by_part} if by_part else {}),
    }
    return write_start(mean, "average", out.resolve().name, facts, [run / "weights.safetensors" for run in runs], out)


def _command(runs: Sequence[str], shares: Sequence[float] | None, parts: Mapping[str, Sequence[float]] | None) -> str:
    counted = "" if shares is None else f"--shares {_numbers(shares)} "
    counted += "".join(f"--part {word} {_numbers(of_part)} " for word, of_part in (parts or {}).items())
    return f"python -m training average {' '.join(f'runs/{name}' for name in runs)} {counted}--out RUN"


def _numbers(shares: Sequence[float]) -> str:
    return " ".join(f"{share:.17g}" for share in shares)


def _checked(shares: Sequence[float], runs: int, what: str) -> list[float]:
    if len(shares) != runs or not all(0 < share < math.inf for share in shares):
        raise ValueError(f"{what}: expected a number above 0 for each of {runs} runs, found {list(shares)}")
    return list(shares)


def _mean(tensors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    weighted = [share / sum(shares) * tensor for share, tensor in zip(shares, tensors, strict=True)]
    return torch.stack(weighted).sum(dim=0)

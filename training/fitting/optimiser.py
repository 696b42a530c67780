"""Optimisers of a training: Adam, or Muon for convolutions with Adam for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.recipes.recipe import OptimiserOptions

# fewer outputs than this and a weight has hardly any directions to balance
_FEWEST_OUTPUTS = 5


class MuonWithAdam(torch.optim.Optimizer):
    """Muon for weights that are matrices, Adam for biases, gains and weights of few outputs.

    Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; sizes of steps as in Jingyuan
    Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, eq. 4, so that one learning rate serves both. The
    matrix of a convolution has a row per output channel. Steps along all directions of a matrix are equally long, so
    directions with small gradients are not left behind.

    Args:
        groups: parameters, as for any optimiser of torch.
        options: the recipe's; `learning_rate` is Adam's, Muon's is `matrix_rate` times it.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], options: OptimiserOptions) -> None:
        super().__init__(groups, {"lr": options.learning_rate})
        self._matrix_rate = options.matrix_rate
        self._matrices = [[p for p in group["params"] if is_matrix(p)] for group in self.param_groups]
        # torch's Muon takes matrices alone: these stand at zero before a step, so what it leaves in them is the step
        self._steps = [[nn.Parameter(torch.zeros_like(_as_matrix(p))) for p in group] for group in self._matrices]
        others = [[p for p in group["params"] if not is_matrix(p)] for group in self.param_groups]
        self._muon = torch.optim.Muon(
            [{"params": steps} for steps in self._steps],
            lr=options.learning_rate * options.matrix_rate,
            weight_decay=0.0,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adam = torch.optim.Adam(
            [{"params": group} for group in others], lr=options.learning_rate, betas=options.betas, eps=options.epsilon
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step of both; a group's `lr` holds for both."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group, muon, adam in zip(self.param_groups, self._muon.param_groups, self._adam.param_groups, strict=True):
            muon["lr"], adam["lr"] = group["lr"] * self._matrix_rate, group["lr"]
        pairs = [pair for group in zip(self._matrices, self._steps, strict=True) for pair in zip(*group, strict=True)]
        for parameter, step in pairs:
            step.zero_()
            step.grad = None if parameter.grad is None else _as_matrix(parameter.grad)
        self._muon.step()
        self._adam.step()
        for parameter, step in pairs:
            if step.grad is not None:
                parameter.add_(_as_weight(step, parameter))
        return result

    def state_dict(self) -> dict[str, Any]:
        """Of both, beside the groups."""
        own = super().state_dict()
        return {**own, "muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """What `state_dict` gave.

        Raises:
            ValueError: it is another optimiser's.
        """
        if not {"muon", "adam"} <= state_dict.keys():
            raise ValueError("optimiser: expected the state of muon, found another one's; resume with the same `name`")
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        self._muon.load_state_dict(state_dict["muon"])
        self._adam.load_state_dict(state_dict["adam"])


def create_optimiser(network_groups: Iterable[list[nn.Parameter]], options: OptimiserOptions) -> torch.optim.Optimizer:
    """The recipe's optimiser, with a group for each of the network's.

    Args:
        network_groups: parameters of each group.
        options: the recipe's.
    """
    groups = [{"params": parameters} for parameters in network_groups]
    if options.name == "muon":
        return MuonWithAdam(groups, options)
    return torch.optim.Adam(
        groups, lr=options.learning_rate, betas=options.betas, eps=options.epsilon, weight_decay=options.weight_decay
    )


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon moves it: a convolution's or linear layer's weight, neither depthwise nor with hardly an output."""
    return parameter.dim() >= 2 and parameter.shape[0] >= _FEWEST_OUTPUTS and parameter.shape[1] > 1


def _as_matrix(weight: Tensor) -> Tensor:
    """(O, I, ...) to (O, -1); the order of columns is of no consequence, so the one that lies in memory is kept."""
    return weight.movedim(1, -1).flatten(1)


def _as_weight(matrix: Tensor, weight: Tensor) -> Tensor:
    """Back to the shape of a weight."""
    return matrix.unflatten(1, (*weight.shape[2:], weight.shape[1])).movedim(-1, 1)

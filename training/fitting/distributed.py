"""Several processes that share the batch of a step, started by `torchrun`.

Every process holds the whole network. Gradients are added up by `sum_over_processes` once a step's backward passes are
done, rather than by torch's wrapper, so that one forward pass can serve several losses and a batch can be passed in
parts. Batch normalisation: on GPUs its statistics are taken over all processes (`SyncBatchNorm`); on CPUs, where torch
has none, each process normalises by its own share of the batch, so a network with batch normalisation trains as with
smaller batches there. Its running statistics, which evaluation uses, are averaged before every evaluation, so that the
weights that process 0 writes are those that all have scored.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """Which process this is: `rank` of `count`, `local_count` of them on this machine."""

    rank: int = 0
    count: int = 1
    local_count: int = 1

    @classmethod
    def from_environment(cls) -> Processes:
        """As `torchrun` says in the environment; a single process where it says nothing."""
        rank, count, local = (os.environ.get(key) for key in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        return cls(int(rank or 0), int(count or 1), int(local or count or 1))


class ReplicaStrategy(DDPStrategy):
    """Starts all processes from the weights of the first, and leaves the gradients to the module."""

    def configure_ddp(self) -> None:
        """Copies parameters and buffers of process 0 to the others."""
        assert self.lightning_module is not None
        for tensor in self.lightning_module.state_dict().values():
            dist.broadcast(tensor, 0)


def is_shared() -> bool:
    """Whether there is more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes; they must come in one order everywhere."""
    if not is_shared():
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    for tensor, summed in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(summed.view_as(tensor))


@torch.no_grad()
def average_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replaces each floating tensor by its mean over all processes; they must come in one order everywhere.

    What is equal everywhere stays as it is, to the bit.
    """
    floating = [tensor for tensor in tensors if tensor.is_floating_point()]
    if not floating or not is_shared():
        return
    # in double precision, in which the mean of equal numbers is that number
    sums = [tensor.double() for tensor in floating]
    sum_over_processes(sums)
    for tensor, summed in zip(floating, sums, strict=True):
        tensor.copy_(summed / dist.get_world_size())


def gathered(value: object) -> list[object]:
    """The value of each process, by rank."""
    if not is_shared():
        return [value]
    values: list[object] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values

"""The order in which processes take crops: the same crops in the same steps, however many processes share them."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler


class EndlessSampler(Sampler[int]):
    """Crop numbers of one process, without end.

    Step s trains on the crops s * batch_size up to (s + 1) * batch_size; process r of n takes the r-th n-th of them. So
    a run that is resumed, or that goes on with another number of processes, meets the crops it would have met.

    Args:
        batch_size: crops per step, over all processes.
        first_step: step to begin with.
        rank: number of this process.
        processes: how many there are.

    Raises:
        ValueError: the processes cannot share the batch evenly.
    """

    def __init__(self, batch_size: int, first_step: int = 0, rank: int = 0, processes: int = 1) -> None:
        if batch_size % processes:
            raise ValueError(f"batch_size: expected a multiple of {processes} processes, found {batch_size}")
        self.batch_size = batch_size
        self.first_step = first_step
        self.rank = rank
        self.share = batch_size // processes

    def __iter__(self) -> Iterator[int]:
        step = self.first_step
        while True:
            first = step * self.batch_size + self.rank * self.share
            yield from range(first, first + self.share)
            step += 1

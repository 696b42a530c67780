"""One measurement of `bench.scale`, alone in its process and on one core: prints JSON.

`extract BAG OUT`, `crops RECIPE SHARDS COUNT` or `train RECIPE SHARDS COUNT DEVICE`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_WARM_UP = 5
"""Batches before the clock starts."""


def main() -> int:
    """Does what the first argument says."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale_work", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("extract")
    one.add_argument("bag", type=Path)
    one.add_argument("out", type=Path)
    for name in ("crops", "train"):
        one = kinds.add_parser(name)
        one.add_argument("recipe")
        one.add_argument("shards", type=Path)
        one.add_argument("count", type=int)
    one.add_argument("device", choices=("cpu", "cuda"))
    options = parser.parse_args()
    if options.kind == "extract":
        row = extraction(options.bag, options.out)
    elif options.kind == "crops":
        row = crops(options.recipe, options.shards, options.count)
    else:
        row = training(options.recipe, options.shards, options.count, options.device)
    json.dump(row, sys.stdout)
    return 0


def extraction(bag: Path, out: Path) -> Row:
    """Turns a bag into shards, as `python -m training extract` does.

    Args:
        bag: what to read.
        out: folder for the shards, new.
    """
    import cv2

    from training.extraction.manifest import bag_bytes
    from training.extraction.run import extract

    cv2.setNumThreads(1)
    clock = _Clock()
    (record,) = extract([bag], out, say=lambda text: None).extracted
    return {
        **clock.read(),
        "pairs": record.counts["pairs"],
        "kept": record.samples,
        "bag_bytes": bag_bytes(bag),
        "shard_bytes": sum(shard.bytes for shard in record.shards),
        "sizes": {stream: list(size) for stream, size in record.sizes.items()},
    }


def crops(recipe_name: str, shards: Path, count: int) -> Row:
    """Prepares batches and throws them away.

    Args:
        recipe_name: what batches.
        shards: what to cut them from, all recordings.
        count: how many are timed.
    """
    from training.fitting.crop_loader import crop_loader, open_source

    recipe = _recipe(recipe_name, shards)
    batches = iter(crop_loader(recipe, open_source(recipe, shards.parent), 0))
    for _ in range(_WARM_UP):
        next(batches)
    clock = _Clock()
    for _ in range(count):
        next(batches)
    return {**clock.read(), **_size(recipe), "batches": count}


def training(recipe_name: str, shards: Path, count: int, device: str) -> Row:
    """Trains from random weights for some steps, without evaluation; crops are prepared meanwhile.

    On the CPU one thread does everything. On a GPU crops come from one process per core.

    Args:
        recipe_name: what to train, in which precision.
        shards: what on, all recordings.
        count: steps that are timed.
        device: `cpu` or `cuda`.
    """
    import lightning
    import torch

    from training.fitting.crop_loader import crop_loader, open_source
    from training.fitting.module import SuperResolution

    workers = (os.cpu_count() or 1) if device == "cuda" else 0
    if not workers:
        torch.set_num_threads(1)
    recipe = _recipe(recipe_name, shards, workers, _WARM_UP + count)
    row: Row = {}

    class Timer(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, *others: Any) -> None:
            if trainer.global_step in (_WARM_UP, _WARM_UP + count) and device == "cuda":
                torch.cuda.synchronize()
            if trainer.global_step == _WARM_UP:
                row["clock"] = _Clock()
            elif trainer.global_step == _WARM_UP + count:
                row.update(row.pop("clock").read())

    torch.set_float32_matmul_precision("high")
    trainer = lightning.Trainer(
        accelerator=device,
        devices=1,
        precision=recipe.precision,
        max_steps=recipe.max_steps,
        callbacks=[Timer()],
        use_distributed_sampler=False,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(SuperResolution(recipe), crop_loader(recipe, open_source(recipe, shards.parent), 0))
    name = torch.cuda.get_device_name() if device == "cuda" else "one core"
    return {**row, **_size(recipe), "steps": count, "device": name, "crop_processes": workers}


def _recipe(name: str, shards: Path, workers: int = 0, steps: int = 10**6) -> Any:
    """A recipe on shards alone, on real images only."""
    from training.recipes.recipe import Collection, DataOptions, load_recipe

    recipe = load_recipe(name)
    data = DataOptions(shares={}, collections={"shards": Collection("all", folder=shards.name)})
    return replace(recipe, data=data, workers=workers, max_steps=steps, max_minutes=0, start_from=None)


def _size(recipe: Any) -> Row:
    height, width = recipe.crops.shape
    return {"recipe": recipe.model + f" x{recipe.scale}", "batch": recipe.batch_size, "crop": [height, width]}


class _Clock:
    """Seconds by the wall and of this process on processors, since it was made."""

    def __init__(self) -> None:
        self._wall, self._used = time.perf_counter(), self._processor()

    def read(self) -> Row:
        return {"wall_s": time.perf_counter() - self._wall, "cpu_s": self._processor() - self._used}

    def _processor(self) -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())

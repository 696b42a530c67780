"""Keeps the best weights of a live run as a file that can be used while the run goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from depth_sr_ros.models.weights import save_weights
from training.fitting.live.module import LiveTraining
from training.fitting.live.validation import ratio_to_filter
from training.fitting.run_folder import machine
from training.recipes.names import RecipeFile
from training.recipes.provenance import continued, parse, provenance_of


class KeepBest(Callback):
    """Writes `weights.safetensors` and `provenance.json` after each validation that was the best so far.

    What it knows goes into the checkpoint, so that a run that is resumed does not forget its best.

    Args:
        out: the run's folder.
        file: of the recipe.
        sources: files of the weights that the run begins with.
    """

    def __init__(self, out: Path, file: RecipeFile, sources: Sequence[Path] = ()) -> None:
        self._out, self._file = out, file
        self._parents = [provenance_of(source) for source in sources]
        self.best = float("inf")

    def on_validation_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *of_batch: Any
    ) -> None:
        """Writes where this one is better; the module still has the averaged weights that were scored."""
        assert isinstance(pl_module, LiveTraining)
        if trainer.sanity_checking or not pl_module.found:
            return
        ratio = ratio_to_filter(pl_module.found)
        if ratio < self.best:
            self.best = ratio
            self._write(pl_module)

    def _write(self, module: LiveTraining) -> None:
        path, fresh = self._out / "weights.safetensors", self._out / "weights.new"
        state = {name: value.detach().contiguous() for name, value in module.network.state_dict().items()}
        save_weights(state, fresh)
        os.replace(fresh, path)
        settings = replace(module.recipe, start_from=None).as_text()
        facts = {
            "recipe": self._file.name + "_live",
            "command": f"python -m training train --recipe {self._file.name}_live --data DATA --out RUN",
            "steps": int(module.global_step),
            "minutes": round(module.minutes, 1),
            "machine": machine(),
            "data": ["manifest train", "manifest synthetic", "procedural"],
            "dev_ratio": round(self.best, 4),
            "settings": {key: value for key, value in settings.items() if value not in (None, {}, [], "")},
        }
        continued(self._parents, "train", f"{self._file.name}_live", facts, path).write(self._out)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best, "parents": [parent.as_text() for parent in self._parents]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.best = float(state_dict["best"])
        self._parents = [parse(text, "checkpoint") for text in state_dict["parents"]]

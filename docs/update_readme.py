"""Fills the README's generated blocks: the parameter table and the table of weights.

`make readme` runs it; `--check` changes nothing and fails where the README is not up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from depth_sr_ros.artifact import Artifact, list_artifacts, read_artifact
from depth_sr_ros.ros.parameters import parameters_markdown
from docs.blocks import with_block
from docs.model_tables import training_spent
from training.recipes.provenance import provenance_of

README = Path(__file__).parents[1] / "README.md"
ARTIFACTS = Path(__file__).parents[1] / "depth_sr_ros" / "artifacts"

# RMSE of their released FDKN x8, trained on NYU v2, under the same protocol
RELEASED = {8: "1.189, 1.779, 2.150, 1.706"}


def main() -> int:
    """Writes or checks the README."""
    old = README.read_text()
    new = filled(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    README.write_text(new)
    return 0


def filled(text: str) -> str:
    """The README with its blocks made anew."""
    text = with_block(text, "parameters", parameters_markdown())
    return with_block(text, "weights", weights_markdown())


def weights_markdown() -> str:
    """One row per shipped artifact of the papers' networks, from its card."""
    lines = [
        "| artifact | Dolls | Laundry | Reindeer | mean | bicubic | relative to bicubic on dev | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    artifacts = {name: read_artifact(ARTIFACTS / name) for name in list_artifacts(ARTIFACTS)}
    lines += [_row(name, artifact) for name, artifact in artifacts.items() if artifact.card.scale]
    for scale, row in RELEASED.items():
        lines.append(f"| authors' FDKN x{scale} | {row.replace(', ', ' | ')} | | | NYU v2 |")
    return "\n".join(lines) + "\n"


def _row(name: str, artifact: Artifact) -> str:
    card, stages = artifact.card, provenance_of(artifact.weights).stages
    test = card.evaluation["test"]
    scenes = " | ".join(f"{test['rmse'][scene]:.3f}" for scene in ("dolls", "laundry", "reindeer"))
    dev = card.evaluation["dev"]["mean_ratio"]
    means = f"{test['mean']:.3f} | {test['bicubic_mean']:.3f} | {dev:.3f}"
    return f"| `{name}` | {scenes} | {means} | {training_spent(stages)} |"


if __name__ == "__main__":
    sys.exit(main())

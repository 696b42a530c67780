"""Artifacts: the seam between making weights and running them.

An artifact is a folder with four files: `graph.onnx` (the frame graph with symbolic size), `weights.safetensors` (which
the graph, the torch engine and fine-tuning read), `card.json` (what it is, how it was made, how good it is) and
`fixture.npz` (a frame and the output that PyTorch gave for it in float32, on which every engine checks itself).
Reading one needs numpy only.

It may hold more: `int8.xml` and `int8.bin` are the graph in 8-bit integers for OpenVINO, made by `depth-sr quantise`;
`provenance.json` is the record of all that led to the weights, which training reads and nothing at run time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.frame_graphs import PAPERS, FrameGraphForm, frame_graph_form

FORMAT = 2
GRAPH, WEIGHTS, CARD, FIXTURE = "graph.onnx", "weights.safetensors", "card.json", "fixture.npz"
INT8 = ("int8.xml", "int8.bin")
"""Files of the graph in 8-bit integers, where there is one."""
PROVENANCE = "provenance.json"
"""The record of every stage that led to the weights, where there is one."""
PRECISION_ERROR = "precision_error"
"""In a card's evaluation: by precision, mean absolute error overall (`mae_mm`) and at edges (`edges_mm`), mm."""
SHIPPED = Path(__file__).parent / "artifacts"

_MEDIANS = "cell-median"
_LIVE = "live"


class ArtifactError(ValueError):
    """An artifact that is missing, damaged or not what was asked for; the message says what to change."""


@dataclass(frozen=True)
class Card:
    """What an artifact says of itself.

    Attributes:
        model: registry name of the network, e.g. `fdkn`.
        scale: integer ratio of colour and depth size; 0 for the live frame graph, which serves any ratio.
        options: the network's options; `create_model(model, **options)` rebuilds it, `create_live_model` a live one.
        size_multiple: image height and width must be multiples of this and of `scale`.
        opset: ONNX opset of the graph.
        guide: what the colour input is: `RGB / 255`.
        normalisation: how depth is brought to the network's range inside the graph.
        training: recipe of the command, data, steps, minutes and machines of all stages together; free-form. What was
            done stage by stage is in `provenance.json`.
        evaluation: protocol and measured errors per scene; free-form.
        command: trains such weights by a recipe that ships. It is not what made these very weights: that history is
            `provenance.json`, of which nobody is promised that it runs again.
        quantisation: how the 8-bit graph was made and what it costs, where there is one; free-form.
        half_parts: patterns of names of the network's parts whose layers TensorRT's 8-bit graph leaves in half
            precision, e.g. `levels.*.blocks`.
        variant: what the weights are for, where they are not the papers' clean depth: `live` for sensors, `noisy`.
        frame_graph: which of the two it holds, see `depth_sr_ros.frame_graphs`: `papers` or `live`.
        files: sha256 of the other files.
        format: version of this layout.
    """

    model: str
    scale: int
    options: Mapping[str, Any]
    size_multiple: int
    opset: int
    guide: str = "RGB / 255"
    normalisation: str = "minimum and maximum of the frame's own valid depth"
    training: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    quantisation: Mapping[str, Any] = field(default_factory=dict)
    half_parts: tuple[str, ...] = ()
    variant: str = ""
    frame_graph: str = PAPERS.name
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def name(self) -> str:
        """Model, scale and variant in one word, e.g. `fdkn_x8`, `fdkn_x8_live`; `fdkn_live` for any ratio."""
        return _name(self.model, self.scale, self.variant)

    @property
    def form(self) -> FrameGraphForm:
        """Inputs and outputs of its frame graph."""
        return frame_graph_form(self.frame_graph)

    @property
    def median_ratio(self) -> float | None:
        """Error relative to bicubic's on depth reduced by cell medians, as at run time; None where not measured."""
        measured = self.evaluation if self.evaluation.get("protocol") == _MEDIANS else self.evaluation.get(_MEDIANS)
        try:
            return float(measured["dev"]["mean_ratio"])  # type: ignore[index]
        except (KeyError, TypeError, ValueError):
            return None

    def precision_cost(self, precision: str) -> float | None:
        """How much larger the error is than in fp32, as a share; the larger of overall and at edges.

        None where the card has no such measurement, see `PRECISION_ERROR`.
        """
        try:
            exact, own = (self.evaluation[PRECISION_ERROR][name] for name in ("fp32", precision))
            return float(np.max([float(own[name]) / float(exact[name]) for name in ("mae_mm", "edges_mm")])) - 1
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None

    @property
    def content_id(self) -> str:
        """Twelve digits that tell whole artifacts apart: of the card, which holds the sha256 of every other file."""
        content = _content(self, ("frame_graph",))
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Artifact:
    """An artifact whose files were found complete and undamaged.

    Attributes:
        folder: where it lies.
        card: its card.
    """

    folder: Path
    card: Card

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS

    @property
    def int8_graph(self) -> Path | None:
        """OpenVINO's graph in 8-bit integers; None where the artifact has none."""
        return self.folder / INT8[0] if INT8[0] in self.card.files else None

    @property
    def provenance(self) -> Path | None:
        """The record of what led to the weights; None where the artifact has none."""
        return self.folder / PROVENANCE if PROVENANCE in self.card.files else None

    @property
    def weights_id(self) -> str:
        """First twelve digits of the weights' sha256: tells weights apart in logs and diagnostics."""
        return self.card.files[WEIGHTS][:12]

    def fixture(self) -> dict[str, NDArray[Any]]:
        """The golden frame: inputs and expected outputs of the frame graph, see `card.form`."""
        with np.load(self.folder / FIXTURE) as archive:
            return {key: archive[key] for key in _fixture_keys(self.card)}

    def golden_inputs(self) -> dict[str, NDArray[Any]]:
        """Of the golden frame what an engine is given."""
        return {key: array for key, array in self.fixture().items() if key in self.card.form.inputs}

    @property
    def golden_grid(self) -> tuple[int, int]:
        """(height, width) of the depth that goes into the golden frame."""
        height, width = self.fixture()[self.card.form.depth].shape
        return int(height), int(width)


def expect_papers(artifact: Artifact, purpose: str) -> Artifact:
    """The artifact, where its frame graph is the papers'.

    Args:
        artifact: any.
        purpose: what needs that, as the first words of a sentence.

    Raises:
        ArtifactError: it is another one.
    """
    if artifact.card.form is not PAPERS:
        raise ArtifactError(
            f"{artifact.folder}: {purpose} knows weights of the papers' frame graph only, found those of the "
            f"{artifact.card.frame_graph} one; name weights for a scale, such as fdkn_x8"
        )
    return artifact


def list_artifacts(folder: Path = SHIPPED) -> list[str]:
    """Names of the artifacts in a folder, e.g. `["fdkn_x4", "fdkn_x8"]`."""
    return sorted(p.parent.name for p in folder.glob(f"*/{CARD}"))


def shipped_scales(model: str, folder: Path = SHIPPED) -> list[int]:
    """Scales for which a model's weights ship, ascending; 0 stands for live ones, which serve any ratio."""
    shipped = list_artifacts(folder)
    names = (re.fullmatch(re.escape(model) + r"_x(\d+)(_live)?", name) for name in shipped)
    return sorted({int(name[1]) for name in names if name} | {0 for name in shipped if name == _name(model, 0, "")})


def find_artifact(model: str, scale: int, folder: Path = SHIPPED) -> Artifact:
    """The shipped weights that serve a camera: a model's `live` ones at a scale, or its only ones.

    Args:
        model: registry name of the network.
        scale: ratio of colour and depth size; 0 for weights of the live frame graph, which serve any ratio.
        folder: where artifacts lie.

    Raises:
        ArtifactError: none ship; the message lists those that do.
    """
    shipped = list_artifacts(folder)
    for name in (_name(model, scale, "live"), _name(model, scale, "")):
        if name in shipped:
            return read_artifact(folder / name, model, scale)
    raise ArtifactError(
        f"model {model!r} at scale {scale}: expected one of {shipped}; "
        "choose another `model` or `scale`, or pass your own as `weights`"
    )


def _name(model: str, scale: int, variant: str) -> str:
    word = f"{model}_x{scale}" if scale else f"{model}_{_LIVE}"
    return word + (f"_{variant}" if variant and (scale or variant != _LIVE) else "")


def _content(card: Card, left_out: Sequence[str]) -> dict[str, Any]:
    """The card as JSON has it; what is named is left out where it says nothing, as in cards that are older than it."""
    content = asdict(card)
    silent = {"frame_graph": PAPERS.name, "half_parts": ()}
    return {name: value for name, value in content.items() if name not in left_out or value != silent[name]}


def _fixture_keys(card: Card) -> tuple[str, ...]:
    return (*card.form.inputs, *card.form.outputs)


def read_artifact(path: Path, model: str | None = None, scale: int | None = None) -> Artifact:
    """Reads and checks an artifact.

    Args:
        path: its folder, or any file in it.
        model: the model it is expected to hold; None accepts any.
        scale: the scale it is expected to be made for; None accepts any.

    Raises:
        ArtifactError: a file is missing or damaged, or model or scale differ from what was asked for.
    """
    card = read_card(path)
    folder = _folder(path)
    for name in dict.fromkeys((GRAPH, WEIGHTS, FIXTURE, *card.files)):
        _check_file(folder / name, card.files.get(name))
    if model is not None and card.model != model:
        raise ArtifactError(f"{folder}: expected weights of model {model!r}, found {card.model!r}; change one of them")
    if scale is not None and card.scale != scale:
        raise ArtifactError(f"{folder}: expected weights for scale {scale}, found {card.scale}; change one of them")
    return Artifact(folder, card)


def write_artifact(
    folder: Path,
    card: Card,
    graph: Path,
    weights: Path,
    fixture: Mapping[str, NDArray[Any]],
    more: Sequence[Path] = (),
) -> Artifact:
    """Writes an artifact: built beside its place, then moved there whole, replacing an older one.

    Args:
        folder: where it shall lie.
        card: its card; `files` is filled in here.
        graph: ONNX file, copied.
        weights: safetensors file, copied.
        fixture: arrays by name, inputs and outputs of the card's frame graph.
        more: further files, copied under their own names.

    Raises:
        ArtifactError: the fixture lacks an array, or something else than an artifact lies there.
    """
    keys = _fixture_keys(card)
    missing = set(keys) - set(fixture)
    if missing:
        raise ArtifactError(f"fixture: expected the arrays {keys}, missing {sorted(missing)}")
    folder = Path(folder).resolve()
    if folder.exists() and not (folder / CARD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(f"{folder}: expected a new folder or an older artifact, found something else; name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    older = building.with_name(building.name + "-older")
    try:
        shutil.copyfile(graph, building / GRAPH)
        shutil.copyfile(weights, building / WEIGHTS)
        arrays: dict[str, Any] = {key: fixture[key] for key in keys}
        np.savez_compressed(building / FIXTURE, **arrays)
        for path in more:
            shutil.copyfile(path, building / path.name)
        hashes = {name: _sha256(building / name) for name in (GRAPH, WEIGHTS, FIXTURE, *(p.name for p in more))}
        # without what says nothing, so that earlier versions can read it
        content = {**_content(card, ("frame_graph", "half_parts")), "files": hashes}
        (building / CARD).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        building.chmod(0o755)
        if folder.exists():
            os.replace(folder, older)
        os.replace(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(older, ignore_errors=True)
    return read_artifact(folder, card.model, card.scale)


def read_card(path: Path) -> Card:
    """The card of an artifact, whose other files are not looked at.

    Args:
        path: the artifact's folder, or any file in it.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    if not Path(path).exists() or not (_folder(path) / CARD).is_file():
        raise ArtifactError(
            f"{path}: expected an artifact folder with {CARD}, {GRAPH}, {WEIGHTS} and {FIXTURE}; "
            "`python -m training export` makes one from bare weights"
        )
    return _parse_card(_folder(path) / CARD)


def _folder(path: Path) -> Path:
    return Path(path) if Path(path).is_dir() else Path(path).parent


def _parse_card(path: Path) -> Card:
    try:
        raw = json.loads(path.read_text())
        found = raw.get("format", FORMAT)
        card = Card(**{**raw, "half_parts": tuple(raw.get("half_parts", ()))}) if found == FORMAT else None
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path}: damaged or foreign card, expected a JSON object with {[f.name for f in fields(Card)]}; {error}"
        ) from error
    if card is None:
        raise ArtifactError(f"{path}: expected card format {FORMAT}, found {found}; export the weights again")
    try:
        live = card.form.name == _LIVE
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}; export the weights again, or install a newer version") from error
    if live != (card.scale == 0):
        expected = "0 for any ratio" if live else "1 or more"
        raise ArtifactError(
            f"{path}: expected scale {expected} with frame_graph {card.frame_graph!r}, found {card.scale}; export the "
            "weights again"
        )
    return card


def _check_file(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise ArtifactError(f"{path}: file is missing; install the package or export the artifact again")
    found = _sha256(path)
    if found != expected:
        raise ArtifactError(
            f"{path}: damaged file, expected sha256 {expected}, found {found}; install or export it again"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

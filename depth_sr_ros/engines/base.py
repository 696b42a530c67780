"""The one interface of all inference engines."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.robust_range import add_excess, clip_to_supported

if TYPE_CHECKING:
    from typing import Self  # Python 3.11, and 3.10 runs this, too

Precision = Literal["fp32", "bf16", "fp16", "int8"]
Arrays = dict[str, NDArray[Any]]


class EngineError(RuntimeError):
    """An engine that cannot be built, refused itself or failed; the message says why and what to change."""


class EngineUnavailable(EngineError):
    """An engine that this machine has nothing to run it on, such as a GPU; automatic choice passes over it quietly."""


class EngineMemoryError(EngineError):
    """There is not enough memory for an engine now: nothing speaks against its plan, which may load another time."""


class EngineInputError(ValueError):
    """An input of another name, shape or type than the engine was built for."""


@dataclass(frozen=True)
class EngineInfo:
    """What an engine is.

    Attributes:
        engine: its name, e.g. `openvino`.
        version: version of the runtime.
        device: what it runs on.
        precision: of the network body; units, normalisation and the residual sum are float32 always.
        artifact: name of the artifact it runs, e.g. `fdkn_x8`.
        grid: (height, width) of the depth that goes in, which it was built for.
        notes: a sentence for each thing that it does in a slower way than it could, and why.
    """

    engine: str
    version: str
    device: str
    precision: Precision
    artifact: str
    grid: tuple[int, int]
    notes: tuple[str, ...] = ()


class Engine(abc.ABC):
    """An artifact's frame graph, ready to run at one fixed size.

    It is used from one thread at a time, which need not be the one that built it.

    Inputs and outputs are those of the frame graph on the artifact's card, see `depth_sr_ros.frame_graphs`. Papers':
    `rgb`, uint8 (H, W, 3), and `depth`, float32 (h, w), metres, 0 where invalid, with H = scale * h and W = scale * w;
    out come `depth_hr`, float32 (H, W), metres, and `valid`, uint8 (H, W). The live one: `rgb`, `start`, `near`, `far`
    and `quality` of one size; out come `depth_hr` and `expected_error`, metres. Outputs belong to the caller.

    Args:
        artifact: what to run.
        grid: (h, w) of the depth that goes in.
        precision: one of `precisions_of(artifact)`.
        threads: CPU threads to use; 0 leaves it to the engine, see `depth_sr_ros.engines.cpu`.

    Raises:
        EngineMemoryError: there is not enough memory.
        EngineError: the runtime is not installed, or cannot run the graph or the precision.
    """

    name: ClassVar[str]

    def __init__(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int = 0) -> None:
        if precision not in self.precisions_of(artifact):
            raise EngineError(
                f"engine {self.name}: expected precision {' or '.join(self.precisions_of(artifact))} on this machine, "
                f"found {precision!r}; choose `auto`"
            )
        card = artifact.card
        step = card.size_multiple
        if any(side % step for side in card.form.image_size(grid, card.scale)):
            raise EngineError(
                f"engine {self.name}: expected height and width as multiples of {step} for {card.name}, found images "
                f"of {card.form.image_size(grid, card.scale)}; pad them"
            )
        self._expected = dict(card.form.input_kinds(grid, card.scale))
        self._output_names = tuple(card.form.outputs)
        self._artifact_name = card.name
        self._grid = grid
        self._precision = precision
        self._open = True
        try:
            self._build(artifact, grid, precision, threads)
        except (RuntimeError, ValueError, OSError) as error:
            raise _kind(error)(f"engine {self.name}: cannot build {artifact.card.name} for {grid}: {error}") from error

    @classmethod
    def check_machine(cls) -> None:
        """Raises EngineUnavailable where this machine lacks hardware that the engine is for."""
        return

    @classmethod
    @abc.abstractmethod
    def version(cls) -> str:
        """Version of the installed runtime. Raises ImportError where it is not installed."""

    @classmethod
    @abc.abstractmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """Precisions that this machine runs well, the preferred one first."""

    @classmethod
    def precisions_of(cls, artifact: Artifact) -> tuple[Precision, ...]:
        """Precisions that this machine runs an artifact in: `precisions()`, and what the artifact itself brings."""
        return cls.precisions()

    @classmethod
    def device(cls) -> str:
        """What the engine runs on."""
        return "CPU"

    def infer(self, inputs: Arrays) -> Arrays:
        """Runs one frame, so that no cell's depth moves pixels that are out of its reach (see `engines.robust_range`).

        Raises:
            EngineInputError: a name, shape or type is not as documented on the class.
            EngineError: the engine is closed, or the runtime failed.
        """
        self._check(inputs)
        depth = inputs.get("depth")
        if depth is None:  # the live graph, whose normalisation is local
            return self._outputs(inputs)
        clipped, excess = clip_to_supported(depth)
        if excess is None:
            return self._outputs(inputs)
        outputs = self._outputs({**inputs, "depth": clipped})
        add_excess(outputs["depth_hr"], excess)
        return outputs

    def run_graph(self, inputs: Arrays) -> Arrays:
        """Runs the artifact's graph on inputs as they are, as its golden frame was made; raises as `infer` does."""
        self._check(inputs)
        return self._outputs(inputs)

    def describe(self) -> EngineInfo:
        """What this engine is."""
        return EngineInfo(self.name, self.version(), self.device(), self._precision, self._artifact_name, self._grid)

    def close(self) -> None:
        """Frees the runtime's memory; calling it again is fine."""
        if self._open:
            self._open = False
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abc.abstractmethod
    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        """Compiles the graph for the size."""

    @abc.abstractmethod
    def _run(self, inputs: Arrays) -> Arrays:
        """Runs checked inputs."""

    @abc.abstractmethod
    def _release(self) -> None:
        """Drops everything that `_build` made."""

    def _outputs(self, inputs: Arrays) -> Arrays:
        try:
            return self._run(inputs)
        except RuntimeError as error:
            raise _kind(error)(f"engine {self.name} failed: {error}") from error

    def _check(self, inputs: Arrays) -> None:
        if not self._open:
            raise EngineError(f"engine {self.name} is closed; build a new one")
        if set(inputs) != set(self._expected):
            raise EngineInputError(f"inputs: expected {sorted(self._expected)}, found {sorted(inputs)}")
        for name, (shape, dtype) in self._expected.items():
            array = inputs[name]
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
                found = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
                raise EngineInputError(
                    f"input {name!r}: expected {shape} {dtype}, found {found}; build an engine for this size"
                )


def _kind(error: Exception) -> type[EngineError]:
    return EngineMemoryError if isinstance(error, EngineMemoryError) else EngineError

"""The live node: colour and depth in, registered or not, dense metric depth out.

configure builds the engine, activate subscribes and starts the inference thread, deactivate stops both, cleanup frees
the engine. Callbacks run on one executor thread and only store messages; everything else about a frame happens on the
inference thread. Engines that are to take over are prepared by the supply, on a thread of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass, replace

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.utilities import ok, try_shutdown
from std_srvs.srv import Trigger

from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.conversions import ImageDecoder, converter_name
from depth_sr_ros.ros.dds_profile import use_profile
from depth_sr_ros.ros.diagnostics import Health, diagnostics_message
from depth_sr_ros.ros.engine_parameters import EngineParameters
from depth_sr_ros.ros.frame_processor import FrameProcessor
from depth_sr_ros.ros.inputs import Inputs, ReceivedPair
from depth_sr_ros.ros.live_transforms import LiveTransforms
from depth_sr_ros.ros.outputs import Outputs
from depth_sr_ros.ros.parameters import declare_parameters, motion_of, unknown_names
from depth_sr_ros.ros.silence_watch import SilenceWatch
from depth_sr_ros.ros.statistics import NodeStatistics
from depth_sr_ros.ros.stream_relation import StreamRelation
from depth_sr_ros.ros.synchroniser import synchroniser_name
from depth_sr_ros.ros.worker import InferenceWorker
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.serving.supply_state import RollBackRefused
from depth_sr_ros.upsampler import UpsamplerError

# how long a frame in work may take after the node was told to stop, unless frames are known to take longer; `ros2
# launch` interrupts, and sends SIGTERM after 5 s and SIGKILL after 10
_PATIENCE_S = 4.0


@dataclass(frozen=True)
class _Configured:
    """What lives from configure to cleanup."""

    supply: EngineSupply
    outputs: Outputs
    processor: FrameProcessor
    infos: CameraInfos
    transforms: LiveTransforms
    relation: StreamRelation


@dataclass(frozen=True)
class _Active:
    """What lives from activate to deactivate."""

    worker: InferenceWorker[ReceivedPair]
    inputs: Inputs
    watch: SilenceWatch


class DepthSuperResolution(LifecycleNode):
    """Guided depth super-resolution as a lifecycle node; see the package's README for topics and parameters.

    Attributes:
        parameters: as they were given.
        left_behind: whether an engine did not come back from a frame, so that its thread is still in native code.
    """

    def __init__(self) -> None:
        super().__init__("depth_sr")
        self.parameters, self._problems = declare_parameters(self)
        self._engine_parameters = EngineParameters(self)
        self._problem = ""
        self.left_behind = False
        self._statistics = NodeStatistics()
        self._configured: _Configured | None = None
        self._active: _Active | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_service(Trigger, "~/roll_back", self._roll_back)
        # A steady clock: with use_sim_time and a stopped simulation the report must still come.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> bool:
        """Configures and activates; False, after a logged sentence, when either fails."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def stop(self) -> None:
        """Stops the inference thread and frees the engine, in whatever state the node is."""
        self._stop_working()
        self._free()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Checks the parameters and builds the engine, which checks itself."""
        for sentence in unknown_names(self):
            self.get_logger().warning(sentence)
        if self._problems:
            return self._refuse("; ".join(self._problems))
        self._statistics = NodeStatistics()
        try:
            self._configured = self._build()
        except (UpsamplerError, ImportError) as error:
            return self._refuse(str(error))
        except Exception as error:  # a transition callback that raises would fail without a word
            return self._refuse(f"cannot configure: {type(error).__name__}: {error}; check the QoS overrides")
        self._problem = ""
        info = self._configured.supply.describe()
        self.get_logger().info(
            f"{info.label} runs on {info.engine}, {info.precision}, {info.device}: {info.reason}. "
            f"Pairs by {synchroniser_name()}, images by {converter_name()}."
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the inference thread."""
        assert self._configured is not None
        configured = self._configured
        processor = configured.processor
        try:
            inputs = Inputs(
                self, self.parameters, self._statistics, configured.infos, configured.transforms, self._on_pair
            )
        except Exception as error:
            return self._refuse(f"cannot subscribe: {type(error).__name__}: {error}; check the QoS overrides")
        for sentence in unknown_names(self, "qos_overrides."):
            self.get_logger().warning(sentence)
        worker = InferenceWorker(processor.process, processor.failed)
        watch = SilenceWatch(inputs, processor, self._statistics, self.parameters, self.get_logger())
        self._active = _Active(worker, inputs, watch)
        self._problem = ""
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes and ends the inference thread; an engine that does not return is abandoned."""
        if not self._stop_working():
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the engine and the publishers."""
        self.stop()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops and frees everything."""
        self.stop()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops and frees everything; the node can be configured again."""
        self.stop()
        return TransitionCallbackReturn.SUCCESS

    def _build(self) -> _Configured:
        # dynamic parameters may have changed since the node was made
        near_and_far, motion = (tuple(self.get_parameter(n).value) for n in ("colormap_range", "depth_to_colour"))
        settings = replace(self.parameters, colormap_range=near_and_far, depth_to_colour=motion)
        decoder = ImageDecoder(settings.depth_unit)
        supply = EngineSupply(self._engine_parameters.settings(), self._tell, settings.keep_previous)
        infos = CameraInfos(self._resolved("rgb/camera_info", "depth_raw/camera_info"))
        transforms = LiveTransforms(self.get_logger().warning)
        relation = StreamRelation(
            infos, transforms, self._resolved("rgb/image", "depth_raw/image"), settings.assume_registered,
            motion_of(settings.depth_to_colour),
        )  # fmt: skip
        try:
            outputs = Outputs(self, settings)
        except Exception:
            supply.close()
            raise
        processor = FrameProcessor(
            supply,
            decoder,
            outputs,
            infos,
            relation,
            self._statistics,
            self.get_clock(),
            self.get_logger(),
            settings.always_infer,
        )
        return _Configured(supply, outputs, processor, infos, transforms, relation)

    def _resolved(self, colour: str, depth: str) -> tuple[str, str]:
        """Names of both streams' topics, after remapping."""
        return self.resolve_topic_name(colour), self.resolve_topic_name(depth)

    def _refuse(self, problem: str) -> TransitionCallbackReturn:
        self._problem = problem
        self.get_logger().error(problem)
        return TransitionCallbackReturn.FAILURE

    def _on_pair(self, pair: ReceivedPair) -> None:
        if self._active is None:
            return
        self._statistics.counters.pair_in()
        if self._active.worker.submit(pair):
            self._statistics.counters.drop("replaced_by_newer")

    def _stop_working(self) -> bool:
        """False if the engine does not return: then it is abandoned, and the node is unconfigured."""
        active, self._active = self._active, None
        if active is None:
            return True
        active.inputs.destroy()
        patience = max(_PATIENCE_S, 3 * self._statistics.work.longest)
        waiting, ended = active.worker.stop(patience)
        if waiting is not None:
            self._statistics.counters.drop("deactivated")
        if not ended:
            self._leave_behind(patience)
        return ended

    def _leave_behind(self, patience: float) -> None:
        """Gives up an engine that the inference thread is still in; it cannot be freed."""
        self.left_behind = True
        configured, self._configured = self._configured, None
        assert configured is not None
        configured.processor.abandon()
        configured.supply.abandon()
        configured.outputs.destroy()
        info = configured.supply.describe()
        self._problem = (
            f"engine {info.engine} did not come back from a frame within {patience:.0f} s and was abandoned, with "
            "its memory; restart the node's process, and choose another `engine` if it happens again"
        )
        self.get_logger().error(self._problem)

    def _free(self) -> None:
        configured, self._configured = self._configured, None
        if configured:
            configured.supply.close()
            configured.outputs.destroy()

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        problem = self._engine_parameters.problem(parameters)
        if problem:
            return SetParametersResult(successful=False, reason=problem)
        if self._configured:
            for parameter in parameters:
                if parameter.name == "colormap_range":
                    self._configured.outputs.colormap_range = tuple(parameter.value)
                elif parameter.name == "depth_to_colour":
                    self._configured.relation.given = motion_of(parameter.value)
            self._engine_parameters.ask(self._configured.supply, parameters)
        return SetParametersResult(successful=True)

    def _roll_back(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            if self._configured is None:
                raise RollBackRefused("expected a configured node, found an unconfigured one; configure it first")
            response.message = self._engine_parameters.roll_back(self._configured.supply)
            response.success = True
            self.get_logger().info(f"rolling back {response.message}")
        except RollBackRefused as refused:
            response.message = str(refused)
            self.get_logger().warning(f"cannot roll back: {refused}")
        return response

    def _tell(self, warning: bool, sentence: str) -> None:
        if warning:
            self.get_logger().warning(sentence)
        else:
            self.get_logger().info(sentence)

    def _report(self) -> None:
        if self._configured:
            self._engine_parameters.put_back(self._configured.supply)
        stamp = self.get_clock().now().to_msg()
        message = diagnostics_message(self.get_fully_qualified_name(), self._health(), stamp, time.monotonic())
        self._diagnostics.publish(message)

    def _health(self) -> Health:
        configured, active = self._configured, self._active
        state = "active" if active else "inactive" if configured else "unconfigured"
        if configured is None:
            return Health(state, self._statistics, problem=self._problem)
        idle = not (self.parameters.always_infer or configured.outputs.wanted())
        return Health(
            state,
            self._statistics,
            pairing=active.inputs.pairing if active else None,
            engine=configured.supply.describe(),
            supply=configured.supply.state(),
            silence=active.watch.check(idle) if active else None,
            idle=idle,
            notes=configured.processor.notes,
            problem=self._problem,
            info_problem=configured.processor.info_problem or configured.processor.coverage.warning,
            uncertainty_problem=configured.processor.uncertainty_problem,
            unregistered=configured.relation.problem if active else "",
        )


def main(arguments: list[str] | None = None) -> int:
    """Runs the node until it is interrupted.

    Args:
        arguments: command line with ROS arguments, None for the process's own.

    Returns:
        Exit code: 1 when the node should start by itself and cannot. Where an engine hangs, the process ends here,
        with 1.
    """
    use_profile()
    # rclpy ends the context on SIGINT, which ends `spin`. Python's own KeyboardInterrupt on top of it could strike
    # inside the conversion of a message, where it comes out as an unrelated RuntimeError.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    rclpy.init(args=arguments)
    node = DepthSuperResolution()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.parameters.autostart and not node.start():
            return 1 if ok() else 0
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):  # an interrupt from a caller's own handler
        pass
    except Exception:
        # A signal ends the context at once; what rclpy was doing then fails in many ways.
        if ok():
            raise
    finally:
        node.stop()
        executor.shutdown()
        node.destroy_node()
        try_shutdown()
        signal.signal(signal.SIGINT, before)
        if node.left_behind:
            # the interpreter and the runtimes would wait for the thread that does not come back
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

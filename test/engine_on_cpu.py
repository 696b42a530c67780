"""The torch-cuda engine on a machine without a GPU."""

from depth_sr_ros.engines.torch.cuda_engine import TorchCudaEngine


class OnCpu(TorchCudaEngine):
    """Everything of the engine but the calls into CUDA."""

    _device = "cpu"

    @classmethod
    def precisions(cls):
        return ("bf16", "fp32")

    @classmethod
    def device(cls):
        return "CPU"

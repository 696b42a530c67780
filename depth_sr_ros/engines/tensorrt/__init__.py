"""TensorRT on NVIDIA GPUs: the graph it is given, its plans, and the GPU they run on."""

"""Engines on PyTorch, on a CPU and on an NVIDIA GPU. torch is imported only when one of them is asked for."""

"""The OpenVINO engine: graph, plan, 8-bit form and the last stage in numba."""

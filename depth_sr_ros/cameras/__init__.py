"""Camera models, registration, grids, depth units and validity: what an image's pixels mean.

Needs numpy, numba and OpenCV only.
"""

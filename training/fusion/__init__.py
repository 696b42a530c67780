"""Depth from many frames of a moving camera: truth of its own for a recording with poses.

A pixel is given the median of what some twenty neighbouring frames saw there, brought over by the poses, where enough
of them agree. Noise and holes of a single frame are gone; what all frames have in common (a bias of the sensor, an
error of the calibration) is not.
"""

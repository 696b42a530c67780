"""Serves cameras: registered depth of any ratio, at the colour image's size. Needs numpy, numba and OpenCV only."""

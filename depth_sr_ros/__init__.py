"""Live guided depth super-resolution for ROS 2: coarse depth and a colour image in, dense metric depth out."""

__version__ = "0.5.0"

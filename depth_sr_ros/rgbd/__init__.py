"""Frames before any network: depth units and validity, camera models, grids, stamp pairing. No ROS, no torch."""

"""Recordings and images worked on without ROS: upsampling, filtering of plain images, quantisation."""

"""Readers of RGB-D data and the random crops made from them."""

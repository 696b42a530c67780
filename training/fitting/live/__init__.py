"""Trains the networks that serve cameras: crops of simulated cameras, and validation against what serves them now."""

"""Retraining of live weights: a camera's own frames, before registration, to weights that serve it better."""

"""Compiled engines on disk: what they depend on, how they are built, kept and found again."""

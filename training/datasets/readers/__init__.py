"""Readers of public data sets, one file per publisher; `training.datasets.registry` opens them by name."""

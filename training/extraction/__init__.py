"""Bags into shards: frames worth training on, in tar files that are the same byte for byte in every run."""

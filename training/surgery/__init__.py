"""Weights made from other weights: averaged, grown, shrunk."""

"""Recipes of trainings: the YAML files, their reader, and the lineage of weights."""

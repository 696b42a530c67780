"""Offline side: data sets, degradations, losses, recipes, training and evaluation. Never imported by the package."""

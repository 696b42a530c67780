"""From recordings to better weights: `python -m training retrain`, see docs/retraining.md."""

"""One training run: crops in, weights and their facts out."""

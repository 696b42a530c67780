"""From a trained network to what is deployed: frame graph, reduced precision, artifacts."""

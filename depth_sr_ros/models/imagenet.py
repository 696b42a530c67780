"""Statistics of ImageNet's RGB images in [0, 1], by which networks with its backbones normalise their guide."""

MEAN = (0.485, 0.456, 0.406)
"""Of each channel, RGB."""

DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of each channel, RGB."""

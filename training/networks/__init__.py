"""Networks as training and evaluation use them: loading, backbones, devices, validity."""

"""Networks for registered depth: start image, hypotheses and quality in, depth and expected error out."""

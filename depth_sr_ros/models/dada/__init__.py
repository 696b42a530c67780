"""DADA: guided anisotropic diffusion with learned features (Metzger, Daudt, Schindler, CVPR 2023)."""

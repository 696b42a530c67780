"""Values of command-line options that several commands take."""

from __future__ import annotations

import argparse


def four_numbers(text: str) -> tuple[float, float, float, float]:
    """`fx fy cx cy`, apart by spaces or commas. Raises ArgumentTypeError for anything else."""
    try:
        fx, fy, cx, cy = (float(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected four numbers fx fy cx cy, found {text!r}") from error
    return fx, fy, cx, cy

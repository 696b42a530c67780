"""Registered frames to try live networks on."""

import torch


def registered_frame(height=64, width=96, batch=1, seed=0):
    """A slanted wall, a block before it whose edge is a question, a hole, noise: guide, start, near, far, quality."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    block = ((x - 0.5).abs() < 0.2) & ((y - 0.5).abs() < 0.3)
    edge = ((x - 0.5).abs() < 0.25) & ((y - 0.5).abs() < 0.35) & ~(((x - 0.5).abs() < 0.15) & ((y - 0.5).abs() < 0.25))
    wall, front = 2.5 + 0.4 * x, 1.0 + 0.1 * y
    start = torch.where(block, front, wall).repeat(batch, 1, 1, 1)
    start = start * (1 + 0.005 * torch.randn(start.shape, generator=generator))
    near, far = (
        torch.where(edge, torch.minimum(start, front), start),
        torch.where(edge, torch.maximum(start, wall), start),
    )
    quality = torch.where(edge, 2, 3).to(torch.uint8).repeat(batch, 1, 1, 1)
    quality[:, :, : height // 8, : width // 8] = 1
    guide = torch.where(block, 0.7, 0.3) + 0.05 * torch.randn((batch, 3, height, width), generator=generator)
    return guide.clamp(0, 1), start, near, far, quality

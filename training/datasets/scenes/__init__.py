"""Parts that procedural scenes are put together from: outlines, surfaces, textures, and what a camera does to them."""

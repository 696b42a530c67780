"""Camera models, registration, grids, depth units and validity: what an image's pixels mean. numpy and OpenCV only."""

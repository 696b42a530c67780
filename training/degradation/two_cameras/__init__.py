"""What a depth camera measures of a scene, from its own place and through its own lens.

The scene is an image of exact depth. It becomes a surface (`mesh`), which is drawn into the depth camera's view with a
z-buffer at several samples per depth pixel (`rendering`). What the scene's image does not show is continued from behind
or stays unknown (`uncovered`). Then come the sensor's faults, each in a file of its own with its source: `mixing`,
`noise`, `quantisation`, `dropouts`; `simulation` joins them.

    sensor = DepthSensor(camera, depth_to_colour, faults=Faults(noise=AxialNoise(0.002, 0.003)))
    raw = simulate(depth, colour_camera, sensor, np.random.default_rng(7))

Depth is float32 metres along the axis of the camera that sees it, NaN where there is none. Equal generators give equal
images. numpy, numba and OpenCV only.
"""

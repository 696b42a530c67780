"""Depth cameras of the market, simulated on scenes with exact depth, and what each way of serving them makes of it.

From the raw depth image to dense depth on the colour image's pixels: `sensors` are the cameras, `scenes` what they
look at, `methods` what is compared, `metrics` how it is judged. `python -m bench.cameras` measures.
"""

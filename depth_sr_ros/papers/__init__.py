"""Serves registered depth by the papers' networks, which are made for one integer ratio of colour and depth each."""

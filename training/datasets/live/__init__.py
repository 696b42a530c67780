"""Crops as a depth camera beside a colour camera delivers them, for the networks that serve cameras.

`scenes` has what can be looked at, in metres: photographs with measured depth (`photographed`), rendered frames, and
procedural layers. `crops` puts a drawn camera before a scene and registers what it delivers; `dev` is a fixed set to
validate on.
"""

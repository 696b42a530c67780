"""Recorded streams: bags, folders of images, their decoding, pairing and writing. No ROS."""

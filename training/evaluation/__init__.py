"""Scores of networks, engines and classical methods by the papers' protocols, and the tables of them."""

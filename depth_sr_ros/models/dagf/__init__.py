"""DAGF: deep attentional guided filtering (Zhong, Liu, Jiang, Zhao, Ji, TNNLS 2023)."""

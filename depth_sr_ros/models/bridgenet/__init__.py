"""BridgeNet: depth super-resolution beside monocular depth estimation (Tang et al., ACM MM 2021)."""

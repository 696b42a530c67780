"""JIIF: joint implicit image functions (Tang, Chen, Zeng, ACM MM 2021)."""

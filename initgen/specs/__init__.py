"""Descriptions of tensors, and the recipe that a file carries."""

"""Layers of Keras and PyTorch: from the arguments of a layer to its weights."""

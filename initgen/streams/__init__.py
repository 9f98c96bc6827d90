"""Random streams: from a seed to the stored values of a law. ``native`` is initgen's own, a contract by version."""

"""Variance scaling by the names that Keras and JAX share."""

# Scale, mode and distribution that a name stands for.
SCALINGS: dict[str, tuple[float, str, str]] = {
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
}

# Std of a standard normal cut at -2 and 2, with all the digits that both have of it.
CUT_STD = 0.87962566103423978

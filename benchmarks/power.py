"""What `stats` can see, and how often it is wrong: simulated, and printed as the tables of docs/stats.md.

``python benchmarks/power.py`` takes about five minutes.
"""

import numpy as np

from initgen.checks.source import source_of_array
from initgen.checks.stats import FALSE_ALARM
from initgen.checks.tensor import CHANCES, tensor_stats
from initgen.specs.tensor import tensor_spec

RUNS = 100
SHARE = FALSE_ALARM / CHANCES
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LAWS = {"uniform": "he_uniform", "truncated normal": "he_normal", "normal": "kaiming_normal"}


def passes(values: np.ndarray, scheme: str) -> bool | None:
    """Whether values pass as ``scheme`` for a fan_in of 100."""
    data = values.astype(np.float32)
    spec = tensor_spec(scheme, data.shape, fan_in=100)
    return tensor_stats(source_of_array(data, spec.dtype, "w"), spec, SHARE, 1).passed


def draws(scheme: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Right values, drawn by numpy: nothing of initgen's own stream takes part."""
    std = (2 / 100) ** 0.5
    if scheme == "he_uniform":
        return rng.uniform(-1, 1, n) * std * 3**0.5
    if scheme == "kaiming_normal":
        return rng.normal(0, std, n)
    cut = rng.normal(0, 1, 2 * n + 100)
    return cut[abs(cut) < 2][:n] * std / 0.87962566103423978


def seen(scheme: str, wrong: float, n: int, rng: np.random.Generator) -> float:
    """The share of runs in which a std that is ``wrong`` times too large is seen."""
    return sum(not passes(draws(scheme, n, rng) * wrong, scheme) for _ in range(RUNS)) / RUNS


def main() -> None:
    rng = np.random.default_rng(20261122)
    print("Least n at which an error in std is seen in at least 90 of 100 runs:\n")
    print("| std is off by | " + " | ".join(LAWS) + " |")
    print("|---|" + "---|" * len(LAWS))
    for wrong in (0.5**0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.01, 1.02, 1.05, 1.1, 1.25, 2**0.5):
        cells = []
        for scheme in LAWS.values():
            found = next((n for n in SIZES if seen(scheme, wrong, n, rng) >= 0.9), None)
            cells.append(f"{found:,}" if found else "over 1,000,000")
        print(f"| {wrong - 1:+.1%} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

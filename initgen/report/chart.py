"""Charts made of characters."""

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def histogram(counts: Sequence[int], height: int = 6) -> list[str]:
    """Bars side by side, one column for each count, as ``height`` lines from the top down."""
    top = max(counts, default=0) or 1
    levels = [round(count / top * height * 8) for count in counts]
    return [
        "".join(_EIGHTHS[min(8, max(0, level - 8 * row))] for level in levels).rstrip()
        for row in range(height - 1, -1, -1)
    ]

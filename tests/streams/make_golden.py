"""Prints the golden digests of the native stream, version 1, as JSON; golden.json holds what it printed once.

Run ``python make_golden.py > golden.json`` only to add a case. A digest that is there never changes.
"""

import hashlib
import json
import math

from initgen.core.dtypes import FLOATS
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.streams.bits import Words
from initgen.streams.native import Draw

SEED, NAME = 20261101, "golden/größe"
STD = math.sqrt(2 / 100)
LAWS = {
    "uniform, symmetric": Uniform(-math.sqrt(6 / 100), math.sqrt(6 / 100)),
    "uniform, [0, s)": Uniform(0.0, 0.3),
    "uniform, any": Uniform(-0.7, 0.2),
    "normal": Normal(0.0, 0.02),
    "normal, moved": Normal(0.3, 1.7),
    "truncated normal, ±2 std": TruncatedNormal(0.0, STD, -2 * STD, 2 * STD),
    "truncated normal, asymmetric": TruncatedNormal(0.1, 0.5, -0.3, 2.0),
    "truncated normal, upper tail": TruncatedNormal(-1.0, 0.5, 0.5, 2.0),
    "truncated normal, lower tail": TruncatedNormal(1.0, 0.5, -4.0, -0.5),
    "constant": Constant(0.1),
}
# Start, count and elements of the whole: few (lines made one by one), many (from tables), and far out.
WINDOWS = {"few": (0, 5000, 5000), "far": (2**41 + 1, 1000, 1000)}
MANY = {"many": (0, 300_000, 300_000)}


def digests() -> dict[str, str]:
    found = {}
    for law_name, law in LAWS.items():
        for dtype in FLOATS:
            for window, (start, count, whole) in (WINDOWS | (MANY if dtype.name == "float32" else {})).items():
                values = Draw(law, dtype, whole)(Words(SEED, NAME), start, count)
                key = f"{law_name}; {dtype.name}; {window}"
                found[key] = hashlib.sha256(values.tobytes()).hexdigest()
    return found


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1, ensure_ascii=False))

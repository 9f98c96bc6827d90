"""What the tensors of a file have in common and should not is found, and what they have by right is not."""

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import initgen
from initgen.checks.stats import stats
from initgen.engine.write import write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

RNG = np.random.Generator(np.random.PCG64(99))
NAMES = ("a", "b", "c")


def normal(shape, std=1.0, seed=None):
    rng = RNG if seed is None else np.random.Generator(np.random.PCG64(seed))
    return rng.normal(0, std, shape).astype(np.float32)


def findings(tensors, tmp_path, scheme=None):
    path = str(tmp_path / "w.safetensors")
    safetensors.numpy.save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)
    answer = initgen.stats(path, scheme)
    return {(finding.kind, finding.tensors, finding.severity) for finding in answer.findings}


BASE = normal((300, 200))
SCHEME = "random_normal:stddev=1"
RELATED = {
    "independent": ({"a": BASE, "b": normal((300, 200)), "c": normal((64,))}, set()),
    "equal": ({"a": BASE, "b": normal((300, 200)), "c": BASE.copy()}, {("equal tensors", ("a", "c"))}),
    "in another shape": ({"a": BASE, "c": BASE.reshape(200, 300)}, {("shared values", ("a", "c"))}),
    "transposed": ({"a": BASE, "c": BASE.T}, {("shared values", ("a", "c"))}),
    "shuffled": (
        {"a": BASE, "c": RNG.permutation(BASE.reshape(-1)).reshape(300, 200)},
        {("shared values", ("a", "c"))},
    ),
    "the beginning of another": ({"a": BASE, "c": BASE[:50]}, {("shared values", ("a", "c"))}),
    "shifted by some values": (
        {"a": BASE, "c": np.concatenate([normal(777), BASE.reshape(-1)])},
        {("shared values", ("a", "c"))},
    ),
    "two groups": (
        {"a": BASE, "b": BASE.copy(), "c": normal((500, 30), seed=1), "d": normal((500, 30), seed=1)},
        {("equal tensors", ("a", "b")), ("equal tensors", ("c", "d"))},
    ),
}


@pytest.mark.parametrize("name", RELATED)
def test_values_that_two_tensors_share_are_found(name, tmp_path):
    tensors, expected = RELATED[name]
    found = findings(tensors, tmp_path, SCHEME)
    assert {(kind, names) for kind, names, _ in found if kind != "one seed"} == expected
    assert {severity for _, _, severity in found} <= {"wrong"}


def one_seed(std, shape):
    return normal(shape, std, seed=4)


@pytest.mark.parametrize(
    ("c", "seen"),
    [
        (one_seed(1.0, (500, 30)) * np.float32(1.0000001), True),
        (-one_seed(1.0, (500, 30)), True),
        (one_seed(1.0, (20, 10)).astype(np.float32) * np.float32(0.99999), True),
        ((one_seed(1.0, (500, 30)) + normal((500, 30))) * np.float32(0.5**0.5), True),
        (one_seed(1.0, (500, 30)).astype(ml_dtypes.bfloat16), True),
        (normal((500, 30), seed=5), False),
    ],
)
def test_tensors_of_one_seed_correlate(c, seen, tmp_path):
    tensors = {"a": one_seed(1.0, (300, 200)), "b": normal((300, 200)), "c": c}
    assert (("one seed", ("a", "c"), "wrong") in findings(tensors, tmp_path, SCHEME)) == seen


def test_a_uniform_and_a_normal_tensor_of_one_seed_correlate(tmp_path):
    """Both by the inverse of the distribution from the same words, as initgen and JAX draw them."""
    specs = [
        tensor_spec("he_uniform", (300, 100), name="a", seed=3),
        tensor_spec("kaiming_normal", (300, 100), name="b", seed=3),
        tensor_spec("he_normal", (300, 100), name="c", seed=8),
    ]
    path = str(tmp_path / "w.safetensors")
    write(specs, path, FORMATS["safetensors"])
    assert stats(path).findings == ()  # the recipe says so
    by_name = {spec.name: spec for spec in specs}
    found = stats(path, expect=lambda source: by_name[source.stored.name]).findings
    assert [(finding.kind, finding.tensors) for finding in found] == [("one seed", ("a", "b"))]


def test_without_a_law_only_near_copies_are_told_and_as_remarks(tmp_path):
    base = one_seed(1.0, (300, 200))
    trained = base + normal((300, 200), 0.8)
    assert findings({"a": base, "b": trained}, tmp_path) == set()
    assert findings({"a": base, "b": base * np.float32(1.5)}, tmp_path) == {("one seed", ("a", "b"), "remark")}
    assert findings({"a": base, "b": base[:100]}, tmp_path) == {("shared values", ("a", "b"), "remark")}


def test_what_is_alike_by_right_is_not_told(tmp_path):
    path = str(tmp_path / "w.safetensors")
    specs = [
        tensor_spec("he_uniform", (64, 64), name="a", seed=1),
        tensor_spec("he_uniform", (64, 64), name="b", seed=1),
        tensor_spec("identity", (64, 64), name="c"),
        tensor_spec("identity", (64, 64), name="d"),
        tensor_spec("ones", (64,), name="e"),
        tensor_spec("ones", (64,), name="f"),
    ]
    write(specs, path, FORMATS["safetensors"])
    answer = stats(path)
    assert answer.findings == ()
    assert answer.passed


@pytest.mark.parametrize("count", [300])
def test_many_independent_tensors_are_not_related(count, tmp_path):
    tensors = {f"{i:03}": normal((13, 100)) for i in range(count)}
    assert findings(tensors, tmp_path, SCHEME) == set()

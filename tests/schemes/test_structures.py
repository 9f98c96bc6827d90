"""Structures: what must hold of the tensors they make, and that they notice when it does not."""

import math

import numpy as np
import pytest

from initgen.core.dtypes import DTYPES, FLOATS
from initgen.core.errors import BadParameter
from initgen.engine.draw import Tensor
from initgen.specs.tensor import tensor_spec

FLOAT64 = DTYPES["float64"]


def made(text, shape, layout="keras", **given):
    """The structure, and the float64 tensor that it makes with seed 7."""
    spec = tensor_spec(text, shape, layout=layout, dtype="float64", seed=7, **given)
    return spec.made, Tensor(spec)(0, spec.count).reshape(shape)


def holds(structure, tensor, dtype=FLOAT64):
    return all(one.holds for one in structure.properties(tensor, dtype))


def spoiled(tensor, index, value):
    tensor = tensor.copy()
    tensor[index] = value
    return tensor


# Layout, shape, and the matrix it is flattened to: Keras and JAX (everything else, out), torch (out, everything else).
FLAT = [
    ("keras", (60, 20), (60, 20)),
    ("keras", (20, 60), (20, 60)),
    ("keras", (3, 3, 8, 16), (72, 16)),
    ("keras", (3, 2, 50), (6, 50)),
    ("torch", (60, 20), (60, 20)),
    ("torch", (16, 8, 3, 3), (16, 72)),
    ("torch", (50, 3, 2), (50, 6)),
    ("keras", (1, 1), (1, 1)),
]


@pytest.mark.parametrize("gain", [1.0, 0.1, 3.0])
@pytest.mark.parametrize(("layout", "shape", "flat"), FLAT, ids=str)
def test_an_orthogonal_kernel_has_orthonormal_columns_or_rows(layout, shape, flat, gain):
    structure, tensor = made(f"orthogonal:gain={gain}", shape, layout)
    matrix = tensor.reshape(flat)
    gram = matrix.T @ matrix if flat[0] >= flat[1] else matrix @ matrix.T
    assert gram == pytest.approx(gain**2 * np.eye(min(flat)), abs=1e-14 * max(gain, 1) ** 2 * max(flat))
    assert holds(structure, tensor)
    if tensor.size > 1:
        assert not holds(structure, 1.001 * tensor)
        assert not holds(structure, spoiled(tensor, (0,) * len(shape), 0.5 * gain + 0.1))


def test_the_signs_of_an_orthogonal_matrix_are_not_lapacks():
    # Mezzadri 2007. Over Haar the trace has mean 0 and variance 1, so the mean of 400 stays within 5 std but for 6e-7
    # (normal limit). With LAPACK's own signs it is -0.42 here, 8 std.
    traces = [
        np.trace(Tensor(tensor_spec("orthogonal", (3, 3), dtype="float64", seed=s))(0, 9).reshape(3, 3))
        for s in range(400)
    ]
    assert abs(np.mean(traces)) < 5 * math.sqrt(1 / 400)


@pytest.mark.parametrize(
    ("layout", "shape", "centre"),
    [
        ("keras", (3, 3, 4, 8), (1, 1)),
        ("keras", (4, 4, 4, 4), (1, 1)),  # jax.nn.initializers.delta_orthogonal: (k - 1) // 2
        ("keras", (5, 3, 6), (2,)),
        ("keras", (3, 2, 1, 2, 5), (1, 0, 0)),
        ("torch", (8, 4, 3, 3), (1, 1)),
        ("torch", (8, 4, 4), (1,)),
    ],
    ids=str,
)
def test_a_delta_orthogonal_kernel_is_orthogonal_at_its_centre_and_zero_elsewhere(layout, shape, centre):
    structure, tensor = made("delta_orthogonal:gain=2", shape, layout)
    # As (in, out) at the centre, by hand for each layout.
    matrix = tensor[centre] if layout == "keras" else tensor[(..., *centre)].T
    assert matrix @ matrix.T == pytest.approx(4 * np.eye(matrix.shape[0]), abs=1e-13)
    assert np.count_nonzero(tensor) == np.count_nonzero(matrix) == matrix.size
    assert holds(structure, tensor)
    assert not holds(structure, spoiled(tensor, (-1,) * len(shape), 1e-3))
    assert not holds(structure, 1.001 * tensor)


@pytest.mark.parametrize("layout", ["keras", "torch"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (0, 3)], ids=str)
def test_an_identity_is_numpys_eye(layout, shape):
    structure, tensor = made("identity:gain=-1.5", shape, layout)
    assert np.array_equal(tensor, -1.5 * np.eye(*shape))
    assert holds(structure, tensor)
    if tensor.size:
        assert not holds(structure, spoiled(tensor, (0, 0), -1.4))
        assert not holds(structure, spoiled(tensor, (0, 1), 1e-9))


def _dirac(shape, *ones):
    """Zeros of ``shape`` with ones at these places."""
    kernel = np.zeros(shape)
    for place in ones:
        kernel[place] = 1
    return kernel


# torch.nn.init.dirac_ in torch's layout (out, in / groups, *window): one at the centre k // 2 of every (g * out / groups
# + d, d) for d below the smaller of out / groups and in / groups.
DIRAC = [
    (1, _dirac((2, 2, 3), (0, 0, 1), (1, 1, 1))),
    (1, _dirac((3, 2, 4), (0, 0, 2), (1, 1, 2))),
    (1, _dirac((2, 3, 3, 2), (0, 0, 1, 1), (1, 1, 1, 1))),
    (2, _dirac((4, 2, 3), (0, 0, 1), (1, 1, 1), (2, 0, 1), (3, 1, 1))),
    (2, _dirac((6, 2, 1), (0, 0, 0), (1, 1, 0), (3, 0, 0), (4, 1, 0))),
    (3, _dirac((3, 2, 5), (0, 0, 2), (1, 0, 2), (2, 0, 2))),
]


@pytest.mark.parametrize(("groups", "kernel"), DIRAC, ids=lambda value: getattr(value, "shape", value))
def test_a_dirac_kernel_is_torchs(groups, kernel):
    for text, given in ((f"dirac:groups={groups}", {}), ("dirac", {"groups": groups})):
        structure, tensor = made(text, kernel.shape, "torch", **given)
        assert np.array_equal(tensor, kernel)
        assert holds(structure, tensor)
        assert not holds(structure, spoiled(tensor, (0,) * kernel.ndim, 0.5))
        # In Keras' layout (*window, in, out) it is the same kernel.
        shown = np.moveaxis(kernel, (0, 1), (-1, -2))
        assert np.array_equal(made(text, shown.shape, "keras", **given)[1], shown)


@pytest.mark.parametrize(
    ("sparsity", "rows", "zeros"), [(0.1, 10, 1), (0.25, 10, 3), (0.0, 10, 0), (1.0, 10, 10), (0.9, 101, 91)]
)
def test_every_column_of_a_sparse_matrix_has_the_same_zeros(sparsity, rows, zeros):
    # torch: ceil(sparsity * rows) of each column.
    structure, tensor = made(f"sparse:sparsity={sparsity},std=0.5", (rows, 200))
    assert (np.count_nonzero(tensor == 0, axis=0) == zeros).all()
    assert holds(structure, tensor)
    if 0 < zeros < rows:
        assert not holds(structure, spoiled(tensor, np.unravel_index(np.flatnonzero(tensor)[0], tensor.shape), 0.0))
        places = np.nonzero(tensor == 0)[0]
        assert len(set(places.tolist())) > rows * 0.9  # the zeros are not the same rows everywhere
    if zeros < rows:
        law, independent = structure.independent(tensor, FLOAT64)
        assert law.std == 0.5
        assert independent.size == 200 * (rows - zeros)
        # 6 std of a variance: false alarm 2e-9; sees 20 % at the smallest size, 1800 values, of std 0.033.
        assert abs(independent.var() / 0.25 - 1) < 6 * math.sqrt(2 / independent.size)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("base", ["he_normal", "glorot_uniform"])
def test_icnr_repeats_each_kernel_as_the_pixel_shuffle_of_its_framework_reads_it(scale, base):
    copies, small, inputs = scale**2, 4, 5
    text = f"icnr:scale={scale},base={base}"
    # torch.nn.PixelShuffle: output channel c is made of kernels c * copies ... c * copies + copies - 1.
    structure, tensor = made(text, (small * copies, inputs, 3, 3), "torch")
    groups = tensor.reshape(small, copies, inputs, 3, 3)
    assert (groups == groups[:, :1]).all()
    assert len({kernel.tobytes() for kernel in groups[:, 0]}) == small
    assert holds(structure, tensor)
    assert not holds(structure, spoiled(tensor, (1, 0, 0, 0), 0.1))
    # tf.nn.depth_to_space: output channel c is made of kernels c, small + c, 2 * small + c, ...
    structure, tensor = made(text, (3, 3, inputs, small * copies), "keras")
    groups = tensor.reshape(3, 3, inputs, copies, small)
    assert (groups == groups[..., :1, :]).all()
    assert len({groups[..., 0, c].tobytes() for c in range(small)}) == small
    assert holds(structure, tensor)
    assert not holds(structure, spoiled(tensor, (0, 0, 0, small), 0.1))
    # The law is the base scheme's at the smaller number of outputs.
    assert structure.law == tensor_spec(base, (3, 3, inputs, small)).made


# What a scheme has no answer for, and a part of what it says.
REFUSED = [
    ("orthogonal", (5,), "needs rank 2 to 64"),
    ("orthogonal", (), "needs rank 2 to 64"),
    ("delta_orthogonal", (4, 4), "needs rank 3 to 5"),
    ("delta_orthogonal", (3, 3, 8, 4), "at least as many outputs as inputs"),
    ("identity", (3, 3, 3), "needs rank 2"),
    ("dirac", (3, 3), "needs rank 3 to 5"),
    ("dirac:groups=3", (3, 4, 8), "does not divide the 8 output channels"),
    ("sparse", (3, 4, 5), "needs rank 2"),
    ("icnr", (3, 3, 4, 6), "scale² = 4 divides, not 6"),
    ("icnr", (4, 4), "needs rank 3 to 5"),
]


@pytest.mark.parametrize(("text", "shape", "message"), REFUSED, ids=str)
def test_a_shape_without_an_answer_is_refused(text, shape, message):
    with pytest.raises(BadParameter) as caught:
        made(text, shape)
    assert message in caught.value.message


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("orthogonal", (64, 32)),
        ("orthogonal:gain=0.05", (300, 20)),
        ("delta_orthogonal", (3, 3, 8, 16)),
        ("identity:gain=0.3", (5, 7)),
        ("dirac", (3, 4, 4)),
        ("sparse:std=0.3", (50, 20)),
        ("icnr", (3, 3, 4, 16)),
    ],
    ids=str,
)
def test_a_structure_holds_as_stored_in_every_dtype(text, shape, dtype):
    spec = tensor_spec(text, shape, dtype=dtype, seed=1)
    stored = Tensor(spec)(0, spec.count)
    if dtype == "bfloat16":
        stored = stored.view(spec.dtype.numpy)
    assert holds(spec.made, stored.astype(np.float64).reshape(shape), spec.dtype)

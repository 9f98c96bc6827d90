"""Judges what the frameworks draw, as the file that they would leave behind."""

import numpy as np
import pytest

import initgen

# Of one judgement. The suite makes fewer than 1000 that have to pass: it is wrong at most once in a million seeds.
FALSE_ALARM = 1e-9


@pytest.fixture
def failures(tmp_path):
    """The tests that an array (of numpy or torch) fails, once it is a file and held against a scheme."""

    def judge(array, scheme, **options):
        if not isinstance(array, np.ndarray):
            from safetensors.torch import save_file

            path = tmp_path / "w.safetensors"
            save_file({"weight": array.detach().contiguous()}, path)
        elif array.dtype.name == "bfloat16":
            from safetensors.numpy import save_file

            path = tmp_path / "w.safetensors"
            save_file({"weight": np.ascontiguousarray(array)}, path)
        else:
            path = tmp_path / "w.npy"
            np.save(path, array)
        (tensor,) = initgen.stats(path, scheme, false_alarm=FALSE_ALARM, **options).tensors
        assert tensor.tests, "nothing was tested"
        return [test.name for test in tensor.tests if not test.passed]

    return judge

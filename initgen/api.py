"""The public Python functions; ``import initgen`` offers them."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.checks.identity.identify import identify as _identify
from initgen.checks.identity.result import FileIdentity
from initgen.checks.stats import FileStats, expect_scheme
from initgen.checks.stats import stats as _stats
from initgen.checks.verify import Verified
from initgen.checks.verify import verify as _verify
from initgen.core.errors import BadParameter
from initgen.engine.directory import write_plan
from initgen.engine.files import parse_size, plan_files
from initgen.engine.write import Written, array
from initgen.specs.describe import describe
from initgen.specs.description import Description
from initgen.specs.tensor import TensorSpec, tensor_spec


def sample(
    scheme: str, shape: Sequence[int], *, seed: int = 0, elements: slice | None = None, **options: Any
) -> NDArray[np.generic]:
    """A new array of ``shape`` drawn by ``scheme``: the values that ``initgen sample`` writes for the same description.

    Args:
        scheme: a name, with parameters if need be: ``"truncated_normal:stddev=0.02"``.
        seed: from 0 to 2^64 - 1; of a framework's stream, what that takes.
        elements: draw only these, in C order and without a step, as one axis; at no cost for the others.
        options: those of `tensor`.

    Raises:
        InitgenError: no such scheme, or a parameter or shape it has no answer for.
    """
    spec = tensor(scheme, shape, seed=seed, **options)
    if elements is None:
        return array(spec)
    try:
        start, end, step = elements.indices(spec.count)
    except (AttributeError, TypeError):
        raise BadParameter(f"elements = {elements!r} must be a slice of whole numbers", "like slice(0, 1000)") from None
    if step != 1:
        raise BadParameter(f"elements = {elements} must have no step")
    return array(spec.elements(start, max(start, end)))


def tensor(scheme: str, shape: Sequence[int], *, seed: int = 0, name: str = "weight", **options: Any) -> TensorSpec:
    """A checked description of one tensor, for `write`.

    Args:
        options: dtype ("float32"), layout ("keras" or "torch"), params (a dict), fan_in, fan_out, groups, transposed,
            depthwise, stream ("native", or a framework's: "torch").
    """
    try:
        sizes = tuple(int(size.__index__()) for size in shape)
    except (AttributeError, TypeError):
        raise BadParameter(f"shape = {shape!r} must be a sequence of whole numbers") from None
    return tensor_spec(scheme, sizes, seed=seed, name=name, **options)


def write(
    specs: TensorSpec | Sequence[TensorSpec],
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    max_shard_size: int | str | None = None,
    force: bool = False,
    fsync: bool = True,
    threads: int | None = None,
) -> Written:
    """Write described tensors to a file or directory, atomically, in the format of its suffix.

    Args:
        max_shard_size: of a shard in a directory, in bytes or as ``"500MB"``.

    Raises:
        InitgenError: the format cannot hold them, the path cannot be written, or holds something else and not ``force``.
    """
    tensors = [specs] if isinstance(specs, TensorSpec) else specs
    shard = parse_size(max_shard_size) if isinstance(max_shard_size, str) else max_shard_size
    plan = plan_files(tensors, os.fspath(path), format, shard)
    return write_plan(plan, force=force, fsync=fsync, threads=threads)


def stats(path: str | os.PathLike[str], scheme: str | None = None, **options: Any) -> FileStats:
    """Measure every tensor of a file and hold it against ``scheme``, or against the recipe in the file.

    Args:
        options: names, format, false_alarm, threads; with a scheme also those of `tensor`.
    """
    own = {key: options.pop(key) for key in ("names", "false_alarm", "threads") if key in options}
    form = options.pop("format", None)
    if scheme is None and options:
        raise BadParameter(f"{', '.join(options)} say how to read a scheme, and there is none")
    expect = expect_scheme(partial(tensor_spec, scheme, **options)) if scheme else None
    return _stats(os.fspath(path), expect=expect, form=form, **own)


def model(spec: str | os.PathLike[str] | None = None, **options: Any) -> Description:
    """The described tensors of a spec file, for `write` and `verify`: a list of them.

    Args:
        options: like (a checkpoint in place of a spec), preset, rules (``["*.bias=zeros"]``), variables (a dict), seed,
            stream, dtype, layout, only (patterns of names).

    Raises:
        InitgenError: the spec cannot be read, or a tensor has no scheme, or one that has no answer for it.
    """
    if options.get("like") is not None:
        options["like"] = os.fspath(options["like"])
    return describe(None if spec is None else os.fspath(spec), **options)


def verify(
    path: str | os.PathLike[str], specs: Sequence[TensorSpec] | None = None, *, threads: int | None = None
) -> Verified:
    """Draw every tensor of a file anew from the recipe in it, or from ``specs``, and compare byte for byte."""
    return _verify(os.fspath(path), specs=specs, threads=threads)


def identify(path: str | os.PathLike[str], **options: Any) -> FileIdentity:
    """Say which schemes, layouts and parameters could have made each tensor of a file.

    Args:
        options: names (patterns of tensors), format, threads.

    Raises:
        InitgenError: the file cannot be read.
    """
    form = options.pop("format", None)
    return _identify(os.fspath(path), form=form, **options)

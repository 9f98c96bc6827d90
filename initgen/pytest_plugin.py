"""The pytest plugin: a fixture that makes weight files for one test.

pytest loads this file in every run, so nothing heavy is imported before a test calls the fixture.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import initgen


class InitgenWeights:
    """What the fixture ``initgen_weights`` is: a function that makes a weight file and gives its path."""

    def __init__(self, here: Path, there: Path) -> None:
        self._here = here
        self._there = there

    def __call__(
        self,
        spec: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        name: str = "model.safetensors",
        like: str | os.PathLike[str] | None = None,
        format: str | None = None,
        max_shard_size: int | str | None = None,
        **options: Any,
    ) -> Path:
        """Write the tensors of a model into ``tmp_path``, and give the path of the file or directory.

        Args:
            spec: a spec file; a relative path begins at the directory of the test's file. Or what would stand in one, as
                a dict; what that includes is looked for in ``tmp_path``.
            name: of the file, whose suffix is its format; with a slash at its end, of a directory.
            like: a checkpoint in place of a spec; a relative path begins where that of a spec does.
            format: in place of what the suffix says.
            max_shard_size: of a shard in a directory, in bytes or as ``"500MB"``.
            options: those of `initgen.model`: preset, rules, variables, seed, dtype, layout, only.

        Raises:
            InitgenError: as `initgen.model` and `initgen.write`; also where the test has made another file of that name.
        """
        if like is not None:
            like = self._here / like
        if isinstance(spec, Mapping):
            path = self._there / ".initgen-spec.json"
            path.write_text(json.dumps(dict(spec)), encoding="utf-8")
            try:
                specs = initgen.model(path, like=like, **options)
            finally:
                path.unlink()
        else:
            specs = initgen.model(None if spec is None else self._here / spec, like=like, **options)
        output = self._there / name
        if not name or not output.resolve().is_relative_to(self._there.resolve()) or output == self._there:
            raise initgen.InitgenError(f"name = {name!r} is not the name of a file in tmp_path")
        output.parent.mkdir(parents=True, exist_ok=True)
        # A Path has no slash at its end. Nobody needs the files of a test after a power cut.
        place = f"{output}{os.sep}" if name.endswith(("/", os.sep)) else output
        initgen.write(specs, place, format=format, max_shard_size=max_shard_size, fsync=False)
        return output


@pytest.fixture
def initgen_weights(request: pytest.FixtureRequest, tmp_path: Path) -> InitgenWeights:
    """Make a file of initialized weights in tmp_path: initgen_weights("model.toml") is its path."""
    return InitgenWeights(request.path.parent, tmp_path)

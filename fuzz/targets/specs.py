"""Specs, models of Keras, configs of Hugging Face, recipes: described, planned, and drawn where they are small."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from fuzz import damage
from fuzz.sandbox import Sandbox
from fuzz.targets.target import Target
from fuzz.targets.text import MOST
from initgen.api import array
from initgen.checks.verify import verify
from initgen.core.dtypes import DTYPES
from initgen.engine.draw import Tensor
from initgen.engine.files import plan_files
from initgen.formats import FORMATS, Header
from initgen.specs import hugging_face, model, names
from initgen.specs.derive import dumps, tree_of
from initgen.specs.describe import describe
from initgen.specs.recipe import read_recipe, recipe_of
from initgen.specs.tensor import TensorSpec

# A million tensors are right, and take their time: here a model may have few.
FEW = 2000


@contextmanager
def limited() -> Iterator[None]:
    """Hold models small."""
    before = names.MAX_NAMES, dict(hugging_face._MOST)
    names.MAX_NAMES = model.MAX_NAMES = FEW
    hugging_face._MOST.update(dict.fromkeys(hugging_face._MOST, 50))
    try:
        yield
    finally:
        names.MAX_NAMES = model.MAX_NAMES = before[0]
        hugging_face._MOST.update(before[1])


def draw(specs: Sequence[TensorSpec]) -> None:
    """What can be drawn soon."""
    Tensor.all_of(specs)
    left = MOST
    for spec in specs:
        left -= spec.count + 100
        if left < 0:
            break
        assert array(spec).shape == spec.shape


def spec(kind: str, sandbox: Sandbox, data: bytes) -> None:
    """A spec file, or what stands in the place of one."""
    described = describe(sandbox.put(f"s.{kind}", data))
    plan_files(described, sandbox.out + "/", None, 1000)
    if len(described) <= 50:
        dumps(tree_of(described, described.groups), "toml")
        draw(described)


def recipe(sandbox: Sandbox, data: bytes) -> None:
    """Read, and held against a file that carries it, with tensors such as it describes where they are small."""
    text = data.decode("utf-8", "replace")
    specs = read_recipe(text, "recipe")
    assert read_recipe(recipe_of(list(specs.values())), "again").keys() == specs.keys()
    headers = [
        Header(name, spec.shape if spec.count <= MOST else (2,), spec.dtype)
        for name, spec in list(specs.items())[:20]
        if name != "__metadata__"
    ] or [Header("x", (2,), DTYPES["float32"])]
    form = FORMATS["safetensors"]
    form.check(headers)
    prefix = form.prefix(headers, text)
    assert prefix is not None
    path = sandbox.put("r.safetensors", prefix + b"\x3d" * sum(header.nbytes for header in headers))
    verify(path, threads=1)


def _kind(name: str, kind: str, change: Callable[..., bytes], *modules: str) -> Target:
    return Target(name, partial(spec, kind), change, 6000, modules)


TARGETS = (
    _kind("toml", "toml", damage.text, "tomllib"),
    _kind("yaml", "yaml", damage.text),
    _kind("json", "json", damage.as_json),
    _kind("layers", "json", damage.as_json),
    _kind("keras-config", "json", damage.as_json),
    _kind("config", "json", damage.as_json),
    Target("recipe", recipe, damage.as_json, 4000),
)

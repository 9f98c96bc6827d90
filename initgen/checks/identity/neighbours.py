"""Where tensors stand in their model, as their names tell: in which block, beside which weights, how wide."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from initgen.checks.identity.candidates import Place
from initgen.core.errors import InitgenError
from initgen.core.shapes import Kernel, Shape

_NUMBER = re.compile(r"(?:^|[./_])(\d{1,4})(?=[./])")
_KERAS = re.compile(r"(^|[./])(kernel|embeddings|gamma|beta|recurrent_kernel|embedding)(:0)?$|/vars/\d+$")
_TORCH = re.compile(r"(^|[._])(weight|bias)$|weight_[ih]h")


def module_of(name: str) -> str:
    """A name without its last part."""
    return name[: max(name.rfind("."), name.rfind("/")) + 1]


def template_of(name: str) -> str:
    """A name without its numbers: tensors that share it differ only in their place."""
    return re.sub(r"\d+", "#", name)


def kind_of(name: str, shape: Shape) -> tuple[str, int]:
    """The last part of a name, and the number of axes: tensors that agree in these are mostly drawn alike."""
    return name[len(module_of(name)) :], len(shape)


def places_of(tensors: Sequence[tuple[str, Shape]]) -> list[Place]:
    """The place of each of the tensors, given with name and shape."""
    fans: defaultdict[str, dict[str, set[int]]] = defaultdict(dict)
    blocks: defaultdict[str, set[int]] = defaultdict(set)
    widths: Counter[int] = Counter()
    for name, shape in tensors:
        if len(shape) >= 2 and all(shape):
            try:
                # The second is that of Bilinear, whose bias goes by its first input alone.
                fans[module_of(name)][name] = {Kernel("torch").fans(shape).fan_in, shape[1]}
            except InitgenError:
                continue
            widths.update(set(shape[-2:]))
        found = _NUMBER.search(name)
        if found:
            blocks[name[: found.start(1)]].add(int(found[1]))
    counts = {before: len(numbers) for before, numbers in blocks.items() if numbers == set(range(len(numbers)))}
    width = widths.most_common(1)[0][0] if len(tensors) > 2 and widths else 0
    places = []
    for name, _ in tensors:
        found = _NUMBER.search(name)
        layers = counts.get(name[: found.start(1)], 0) if found else 0
        inside = fans.get(module_of(name), {})
        beside = tuple(sorted({fan for other, own in inside.items() if other != name for fan in own}))
        if len(beside) > 6:
            beside = ()  # not a module's weights but a file's
        places.append(Place(beside, layers, int(found[1]) + 1 if found and layers > 1 else 0, width))
    return places


def leaning_of(names: Sequence[str], form: str) -> dict[str, float]:
    """To which framework names and format lean, as votes for its layout."""
    keras = sum(bool(_KERAS.search(name)) for name in names)
    # A lone "weight" is as much as no name.
    torch = sum(bool(_TORCH.search(name)) and "." in name for name in names)
    if keras > torch or (keras == torch and form == "hdf5"):
        return {"keras": 12.0, "torch": 0.0}
    if torch > keras:
        return {"keras": 0.0, "torch": 12.0}
    return {"keras": 0.5, "torch": 0.0}

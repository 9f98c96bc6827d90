"""The tensors of a model under one seed, as a framework draws them: one after another."""

from collections.abc import Sequence

from initgen.core.errors import BadParameter
from initgen.specs.tensor import TensorSpec
from initgen.streams.dialects import dialect_of


def in_series(specs: Sequence[TensorSpec], stream: str) -> list[TensorSpec]:
    """These tensors of one model, in the order in which they are drawn, each with its own place in the stream.

    Those with a seed of their own, and those that nothing is drawn for, take no part. One that is tied to another has
    its place.

    Raises:
        BadParameter: the framework cannot draw one of them; the message names it.
    """
    sharing = {spec.name: spec for spec in specs if spec.keyed and spec.random}
    heads = {name: spec for name, spec in sharing.items() if spec.tied not in sharing}
    places: dict[str, tuple[int, tuple[int, ...]]] = {}
    calls = dialect_of(stream).in_series([spec.call for spec in heads.values()])
    for name in heads:
        try:
            call = next(calls)
        except BadParameter as error:
            raise BadParameter(f"{name}: {error.message}", error.hint) from None
        places[name] = call.seed, call.place
    placed = []
    for spec in specs:
        name = spec.tied if spec.tied in places else spec.name
        placed.append(spec.placed(*places[name]) if spec.name in sharing else spec)
    return placed

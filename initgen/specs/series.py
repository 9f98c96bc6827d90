"""The tensors of a model under one seed, as a framework draws them: one after another.

Layers of the framework have the order in which it draws when it makes them, and what it throws away is drawn too: a torch
stream is ``torch.manual_seed(seed)`` and then ``nn.Sequential(…)``, a keras stream ``keras.utils.set_random_seed(seed)`` and
then ``keras.Sequential([…])``, or for a config ``keras.models.model_from_json``. Another scheme for a weight, by an argument
or by a rule, is drawn once, at the turn of the default and in its place: as if the framework's class had it. Such as draw
nothing have no turn, nor have seeds of their own, which are another generator. Other tensors are drawn in the order of the
model, and so are layers of another framework than the stream's.
"""

from collections.abc import Iterable, Sequence

from initgen.core.errors import BadParameter
from initgen.specs.tensor import TensorSpec
from initgen.streams.dialects import dialect_of

Places = dict[str, tuple[int, tuple[int, ...]]]


def in_series(turns: Iterable[Sequence[TensorSpec]], stream: str) -> Places:
    """Seed and place in its stream of each tensor that is drawn under the model's seed; a tied one has the other's.

    Args:
        turns: what is drawn, in order; tensors of one turn share their numbers.

    Raises:
        BadParameter: the framework cannot draw one of them; the message names it.
    """
    drawn = [[spec for spec in turn if spec.keyed and spec.random] for turn in turns]
    names = {spec.name for turn in drawn for spec in turn}
    heads = [own for turn in drawn if (own := [spec for spec in turn if spec.tied not in names or not spec.tied])]
    calls = dialect_of(stream).in_series([own[0].call for own in heads])
    places: Places = {}
    for own in heads:
        try:
            call = next(calls)
        except BadParameter as error:
            raise BadParameter(f"{own[0].name}: {error.message}", error.hint) from None
        places.update((spec.name, (call.seed, call.place)) for spec in own)
    for spec in (spec for turn in drawn for spec in turn if spec.name not in places):
        places[spec.name] = places[spec.tied]
    return places


def unknown(stream: str) -> BadParameter:
    """An error for a tensor of a layer of which nobody has found out when the framework draws it."""
    name = dialect_of(stream).name
    return BadParameter(
        f"when {name} draws it under the model's seed is not known for this layer",
        "give its tensors seeds of their own, or take --stream native",
    )

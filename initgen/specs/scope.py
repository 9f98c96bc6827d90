"""Variables, and the text that they are put into."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from initgen.core.errors import BadParameter, quoted
from initgen.core.registry import nearest
from initgen.core.shapes import Shape, format_shape
from initgen.specs.expression import Number, evaluate
from initgen.specs.schema import Taken

Given = int | float | str | Taken
# The tensors that variables are taken from: name to shape.
Shapes = Mapping[str, Shape]

_FIELD = re.compile(r"\$\{([^{}]*)\}")
_AXIS = re.compile(r"axis_[0-9]", re.ASCII)


class Scope:
    """The variables that hold in one file: its own, and those of the file that includes it, which win.

    Each is computed when it is first used, so that one which the model at hand has no answer for does no harm.

    Attributes:
        own: those that stand in the file.
        given: these and the inherited ones.
        shapes: the tensors of the model; None as long as they are not known.
    """

    def __init__(self, own: Mapping[str, Given], inherited: Mapping[str, Given] | None = None) -> None:
        self.own = dict(own)
        self.given = {**own, **(inherited or {})}
        self.shapes: Shapes | None = None
        self._values: dict[str, Number] = {}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> Number:
        """A variable's value.

        Raises:
            BadParameter: there is none of this name, it is defined by itself, or its tensors are not there.
        """
        if name in self._values:
            return self._values[name]
        if name not in self.given:
            hint = nearest(name, self.given) if self.given else "define it under [variables]"
            raise BadParameter(f"there is no variable {quoted(name)}", hint)
        if name in self._open:
            raise BadParameter(f"the variable {name} is defined by itself: {' → '.join((*self._open, name))}")
        self._open.append(name)
        try:
            value = self._computed(name, self.given[name])
        except RecursionError:
            raise BadParameter(f"the variable {name} takes too many others in a row") from None
        finally:
            self._open.pop()
        self._values[name] = value
        return value

    def _computed(self, name: str, given: Given) -> Number:
        if isinstance(given, int | float):
            return given
        if isinstance(given, str):
            return self.number(given)
        if self.shapes is None:
            raise BadParameter(
                f"the variable {name} is taken from the tensors, so no tensor's shape or name can use it"
            )
        if (given.count is None) == (given.size is None):
            raise BadParameter(f"the variable {name} must have either count or size")
        pattern = given.count if given.size is None else given.size
        assert pattern is not None
        fitting = {key: shape for key, shape in self.shapes.items() if fnmatchcase(key, pattern)}
        if given.size is None:
            return len(fitting)
        sizes = {shape[given.axis] for shape in fitting.values() if -len(shape) <= given.axis < len(shape)}
        if len(sizes) != 1:
            of = f"the variable {name} is the size of axis {given.axis} of {pattern}"
            if not fitting:
                raise BadParameter(f"{of}, and no tensor is called so")
            found = ", ".join(f"{key} {format_shape(shape)}" for key, shape in list(fitting.items())[:2])
            raise BadParameter(f"{of}, which {'differs' if sizes else 'they do not have'}: {found}")
        return sizes.pop()

    def number(self, text: str, shape: Shape = ()) -> Number:
        """The value of a text that is one number: ``${…}``, or arithmetic over such.

        Args:
            shape: of the tensor that the text speaks of; ``axis_0``, ``axis_1``, … are its sizes.
        """

        def value(name: str) -> Number:
            axis = int(name[5:]) if _AXIS.fullmatch(name) and name not in self.given else len(shape)
            return shape[axis] if axis < len(shape) else self[name]

        # Outside the braces only numbers may stand, so that a size never depends on what a word could mean.
        if _FIELD.fullmatch(text):
            return evaluate(text[2:-1], value)
        return evaluate(_FIELD.sub(lambda field: f"({field[1]})", text), value)

    def holds(self, when: bool | int | str | None) -> bool:
        """Whether a condition is not 0; where there is none, it holds."""
        return when is None or bool(self.number(when) if isinstance(when, str) else when)

    def fill(self, text: str) -> str:
        """``text`` with every ``${…}`` replaced by its value."""
        if "${" not in text:
            return text
        return _FIELD.sub(lambda field: repr(evaluate(field[1], self.__getitem__)), text)

    def _size(self, text: str, *, alone: bool) -> Number:
        """One size as text: ``${…}``, or between the ``x`` of a shape plain digits."""
        if "${" in text:
            return self.number(text)
        if alone or not re.fullmatch("[0-9]{1,19}", text):
            raise BadParameter(f"{quoted(text)} is not a size", "sizes are whole numbers from 0, or ${d_model}")
        return int(text)

    def sizes(self, shape: str | list[int | str], blame: Callable[[int, BadParameter], Exception]) -> Shape:
        """A shape as a spec writes it: sizes in a list, or ``100x${d_model}``.

        Args:
            blame: makes the error about the size at an index.
        """
        parts: list[int | str] = list(shape) if not isinstance(shape, str) else []
        if isinstance(shape, str):
            if shape in ("scalar", "()"):
                return ()
            # An x inside braces belongs to a name.
            parts = re.sub(r"x(?![^{]*\})", "\0", shape).split("\0")  # type: ignore[assignment]
        sizes = []
        for index, part in enumerate(parts):
            try:
                size = part if isinstance(part, int) else self._size(part, alone=isinstance(shape, list))
                if not isinstance(size, int) or size < 0:
                    raise BadParameter(f"is {size}, and sizes are whole numbers from 0")
                if size >= 2**63:
                    raise BadParameter("is larger than 2^63 - 1")
            except BadParameter as error:
                raise blame(index, error) from None
            sizes.append(size)
        return tuple(sizes)

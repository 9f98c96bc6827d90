"""Names to entries: canonical, class names and aliases; and a hint for what is none of them."""

from dataclasses import dataclass

import pytest

from initgen.core.errors import UnknownName
from initgen.core.registry import Registry, camel


@dataclass(frozen=True)
class Entry:
    name: str
    aliases: tuple[str, ...] = ()


HE, NORMAL = Entry("he_uniform"), Entry("random_normal", ("normal",))
TABLE = Registry("scheme", (HE, NORMAL))


def test_an_entry_is_found_by_each_of_its_names():
    assert TABLE["he_uniform"] is TABLE["HeUniform"] is HE
    assert TABLE["random_normal"] is TABLE["RandomNormal"] is TABLE["normal"] is NORMAL


def test_entries_are_listed_once_and_in_order():
    assert list(TABLE) == [HE, NORMAL]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("he_unifrm", "did you mean he_uniform"),
        ("HeUnifrm", "did you mean HeUniform"),
        ("qqqqqqqq", "known: he_uniform"),
        ("", "known: he_uniform, random_normal"),
    ],
)
def test_an_unknown_name_hints_at_what_was_meant(name, hint):
    with pytest.raises(UnknownName) as caught:
        TABLE[name]
    assert caught.value.message == f"unknown scheme {name!r}"
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("second", [Entry("he_uniform"), Entry("other", ("HeUniform",)), Entry("HeUniform")])
def test_two_entries_of_one_name_are_a_mistake_at_once(second):
    with pytest.raises(ValueError, match="two entries of scheme are called"):
        Registry("scheme", (HE, second))


def test_class_names_are_camel_case():
    assert [camel(name) for name in ("he_uniform", "zeros", "float8_e4m3fn")] == ["HeUniform", "Zeros", "Float8E4m3fn"]

"""A name in a package means one file, inside the package, on every system."""

import pytest

from rebounce.engine.package_names import Names, is_inside, same_name


@pytest.mark.parametrize(
    "name", ["a.onnx", "golden/in.npz", "über größe.onnx", "a..b", ".hidden", "...a", "console", "a/b/c"]
)
def test_a_plain_name_is_inside(name: str) -> None:
    assert is_inside(name)


@pytest.mark.parametrize(
    "name",
    [
        *("../a", "a/../b", "a/..", "..", "/a", "//a", "a//b", "./a", "a/", ".", "", "a\\b", "C:a", "C:/a"),
        *("a\nb", "a\x00", "a\x7fb", "a?", "a*", "a|b", 'a"b', "<a>", "stream:data"),
        *("con", "CON", "nul.onnx", "a/aux.txt", "com1", "lpt9.bin", "a.", "a ", "a./b", "golden /b"),
        *("x" * 201, "ü" * 101, "/".join(["abc"] * 400), "bytes\udcff"),
    ],
)
def test_a_name_that_leads_elsewhere_or_is_another_on_some_system_is_not(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.onnx", "a.onnx"),
        ("a.onnx", "A.ONNX"),
        ("gr\u00fcn", "gru\u0308n"),
        ("stra\u00dfe", "STRASSE"),
        ("golden/a", "Golden/b"),
        ("a", "a/b"),
        ("a/b", "A"),
    ],
)
def test_names_that_some_system_takes_for_one_are_told_in_either_order(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        names = Names()
        assert names.add(one) is None
        assert names.add(other) in (one, one.partition("/")[0])


def test_names_that_differ_lie_beside_each_other() -> None:
    names = Names()
    assert [names.add(name) for name in ("a", "b", "golden/a", "golden/b", "golden/deep/a", "ab", "a.b")] == [None] * 7


def test_names_are_the_same_where_case_and_the_way_of_accents_do_not_count() -> None:
    assert same_name("Manifest.TOML", "manifest.toml")
    assert same_name("\u00c9", "e\u0301")
    assert not same_name("a", "b")

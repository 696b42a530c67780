import pytest

from depth_sr_ros.cameras.checked import CheckedMapping, nearest

KNOWN = {"word": " two  words ", "number": 3, "list": [1, 2.5], "words": ["a\nb"], "below": {"deep": 1}}


def _mapping(**values):
    return CheckedMapping(KNOWN | values, "file.yaml", KNOWN)


def test_values_come_as_their_types():
    mapping = _mapping()
    assert mapping.text("word") == "two words"
    assert mapping.number("number") == 3.0 and isinstance(mapping.number("number"), float)
    assert mapping.numbers("list", count=2) == (1.0, 2.5)
    assert mapping.texts("words") == ("a b",)
    assert mapping.section("below", ["deep"]).number("deep") == 1


def test_what_is_left_out_is_empty():
    mapping = CheckedMapping({}, "file.yaml", ["list", "words", "below"])
    assert mapping.numbers("list") == () and mapping.texts("words") == ()
    assert list(mapping.section("below", ["deep"])) == []


@pytest.mark.parametrize(
    "read, message",
    [
        (lambda m: m.text("number"), "file.yaml: number: expected a text, found 3"),
        (
            lambda m: m.text("word", ["two wards"]),
            "word: expected one of two wards, found ' two  words '; did you mean",
        ),
        (lambda m: m.number("word"), "word: expected a number of 0 or more, found ' two  words '"),
        (lambda m: m.numbers("list", count=7), r"list: expected a list of 7 numbers, found \[1, 2.5\]"),
        (lambda m: m.numbers("number"), "number: expected a list of finite numbers, found 3"),
        (lambda m: m.texts("list"), "list: expected a list of texts"),
        (lambda m: m.section("number", ["deep"]), "file.yaml: number: expected a mapping with deep, found 3"),
        (lambda m: m.section("below", ["deap"]), "file.yaml: below: expected deap, found 'deep'; did you mean 'deap'"),
    ],
)
def test_wrong_values_are_refused_with_place_expectation_and_finding(read, message):
    with pytest.raises(ValueError, match=message):
        read(_mapping())


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, None, "3"])
def test_only_finite_numbers_from_0_on_are_numbers(value):
    with pytest.raises(ValueError, match="expected a number of 0 or more"):
        _mapping(number=value).number("number")


def test_missing_value_is_named():
    with pytest.raises(ValueError, match="word: expected a text, found nothing"):
        CheckedMapping({}, "file.yaml", ["word"]).text("word")


def test_nearest_is_none_where_nothing_is_like_it():
    assert nearest("azure", ["azure_kinect", "xtion"]) == "azure_kinect"
    assert nearest("zed", ["azure_kinect", "xtion"]) is None

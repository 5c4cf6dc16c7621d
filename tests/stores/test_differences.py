"""What changed can be made again from what the log says of it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.stores.differences import applied, differences

values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0]) | st.text("a/~0", max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("a/~01", max_size=2), inner, max_size=4),
    max_leaves=12,
)


@given(before=values, after=values)
def test_the_later_is_made_of_the_earlier(before: Any, after: Any) -> None:  # noqa: ANN401 - JSON
    assert repr_of(applied(before, differences(before, after))) == repr_of(after)


def repr_of(value: Any) -> Any:  # noqa: ANN401
    """Tells 1, 1.0 and True apart, and forgets the order of members."""
    if isinstance(value, dict):
        return sorted((name, repr_of(inner)) for name, inner in value.items())
    return [repr_of(inner) for inner in value] if isinstance(value, list) else repr(value)


def test_only_what_changed_is_named() -> None:
    before = {"title": "a", "replies": [{"text": "x"}], "faces": [1, 2, 3]}
    after = {"title": "b", "replies": [{"text": "x"}, {"text": "y"}], "faces": [1]}
    assert differences(before, after) == [
        {"path": "/title", "before": "a", "after": "b"},
        {"path": "/replies/1", "after": {"text": "y"}},
        {"path": "/faces/2", "before": 3},
        {"path": "/faces/1", "before": 2},
    ]


def test_made_and_removed() -> None:
    assert applied(None, [{"path": "", "after": {"a": 1}}]) == {"a": 1}
    assert applied({"a": 1}, [{"path": "", "before": {"a": 1}}]) is None


def test_neither_side_is_changed() -> None:
    before: dict[str, Any] = {"a": [1]}
    after: dict[str, Any] = {"a": [1, {"b": 2}]}
    made = applied(before, differences(before, after))
    made["a"][1]["b"] = 3
    assert (before, after) == ({"a": [1]}, {"a": [1, {"b": 2}]})

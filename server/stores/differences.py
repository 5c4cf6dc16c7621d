"""What changed between two versions of a document, and how to make the later one of the earlier one."""

import copy
from typing import (
    Any,
    NotRequired,  # pydantic needs it below Python 3.12
)

from typing_extensions import TypedDict

Json = Any


class Difference(TypedDict):
    """One place (a JSON pointer, RFC 6901) with what it held before and after; absent where there was nothing."""

    path: str
    before: NotRequired[Json]
    after: NotRequired[Json]


def differences(before: Json, after: Json, path: str = "") -> list[Difference]:
    """All that differs, as small as it can be named without moves: `applied` makes `after` of `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _between_objects(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        return _between_arrays(before, after, path)
    # Not `==`, for which 1, 1.0 and True are the same.
    if type(before) is type(after) and repr(before) == repr(after):
        return []
    return [{"path": path, "before": before, "after": after}]


def _between_objects(before: dict[str, Json], after: dict[str, Json], path: str) -> list[Difference]:
    found: list[Difference] = []
    for name in before | after:
        place = f"{path}/{_escaped(name)}"
        if name not in after:
            found.append({"path": place, "before": before[name]})
        elif name not in before:
            found.append({"path": place, "after": after[name]})
        else:
            found += differences(before[name], after[name], place)
    return found


def _between_arrays(before: list[Json], after: list[Json], path: str) -> list[Difference]:
    found: list[Difference] = []
    common = min(len(before), len(after))
    for index in range(common):
        found += differences(before[index], after[index], f"{path}/{index}")
    found += [{"path": f"{path}/{index}", "after": after[index]} for index in range(common, len(after))]
    # From the end, so that each removal leaves the others' numbers as they are.
    found += [{"path": f"{path}/{index}", "before": before[index]} for index in reversed(range(common, len(before)))]
    return found


def applied(content: Json, changes: list[Difference]) -> Json:
    """`content` with the changes made; None if the whole was removed.

    Raises LookupError, TypeError or ValueError if the changes are not of this content.
    """
    root = {"": copy.deepcopy(content)}
    for change in changes:
        *way, last = ["", *(_unescaped(name) for name in change["path"].split("/")[1:])]
        place: Json = root
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place[name]
        _apply(place, last, change)
    return root.get("")


def _apply(place: Json, name: str, change: Difference) -> None:
    key = int(name) if isinstance(place, list) else name
    if "after" not in change:
        del place[key]
    elif isinstance(place, list) and key == len(place):
        place.append(copy.deepcopy(change["after"]))
    else:
        place[key] = copy.deepcopy(change["after"])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")

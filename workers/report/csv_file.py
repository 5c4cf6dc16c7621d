"""A review as CSV (RFC 4180): a line for each finding, its figures as in the review's JSON."""

import csv
import io
from typing import Any

Review = dict[str, Any]
Finding = dict[str, Any]

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
COLUMNS = (
    "id", "severity", "rule", "title", "quantity", "measured", "unit", "comparison", "limit", "limit_unit",
    "smallest_change", "change_quantity", "change_from", "change_to", "change_unit", "extra_minutes", "group",
    "group_size", "x", "y", "z", "faces", "edges", "features", "advice", "source", "source_url", "part", "sha256",
    "process", "limits",
)  # fmt: skip
# What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_file(review: Review, *, with_mark: bool = False) -> str:
    """The findings of a review (`rapiddraft.review/1`) in its order, below a line of names.

    `with_mark` puts first the byte order mark by which Excel knows UTF-8.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for finding in review["findings"]:
        row = _of_finding(finding) | _of_part(review)
        writer.writerow([_safe(row[name]) for name in COLUMNS])
    return (BYTE_ORDER_MARK if with_mark else "") + lines.getvalue()


def _of_finding(finding: Finding) -> dict[str, Any]:
    measured, limit = finding["measured"] or {}, finding["limit"] or {}
    change, group, source = (finding.get(name) or {} for name in ("change", "group", "source"))
    x, y, z = finding.get("point") or (None, None, None)
    return {
        **{name: finding[name] for name in ("id", "severity", "rule", "title", "advice")},
        "quantity": measured.get("quantity"),
        "measured": measured.get("value"),
        "unit": measured.get("unit"),
        "comparison": limit.get("comparison"),
        "limit": limit.get("value"),
        "limit_unit": limit.get("unit"),
        "smallest_change": finding.get("smallest_change"),
        "change_quantity": change.get("quantity"),
        "change_from": change.get("from"),
        "change_to": change.get("to"),
        "change_unit": change.get("unit"),
        "extra_minutes": finding.get("extra_minutes"),
        "group": group.get("id"),
        "group_size": group.get("size"),
        "x": x,
        "y": y,
        "z": z,
        "faces": " ".join(map(str, finding["faces"])),
        "edges": " ".join(map(str, finding.get("edges") or [])),
        "features": " ".join(finding.get("features") or []),
        "source": source.get("title"),
        "source_url": source.get("url"),
    }


def _of_part(review: Review) -> dict[str, Any]:
    part = review["part"]
    return {
        "part": part["name"],
        "sha256": part["sha256"],
        "process": review["process"],
        "limits": review["limits"],
    }


def _safe(value: Any) -> Any:  # noqa: ANN401 - JSON
    """`value`, a text that would be taken for a formula with an apostrophe before it; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

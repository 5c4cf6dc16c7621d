"""A review as SARIF 2.1.0, which code-review tools show: each rule with its help, each finding as a result of it.

A finding is on a face, not on a line, so its place is the part's file as a whole; faces and point are properties.
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from typing import Any
from urllib.parse import quote

from workers.report import words

Review = dict[str, Any]
Finding = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# GitHub's code scanning knows the second alone, and shows no result without a line
# (https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support).
FINGERPRINTS = ("rapiddraftFindingId/v1", "primaryLocationLineHash")
_WHOLE_FILE = {"startLine": 1}
# A note is "a minor problem or an opportunity to improve" (section 3.27.10).
_LEVELS = {"critical": "error", "major": "warning", "minor": "note", "info": "note"}


def sarif(review: Review) -> dict[str, Any]:
    """The review (`rapiddraft.review/1`) as a log with one run."""
    rules = _rules(review["findings"])
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    part, engine = review["part"], review["engine"]
    artifact = {
        "location": {"uri": _uri(part["name"])},
        "hashes": {"sha-256": part["sha256"]},
        "roles": ["analysisTarget"],
    }
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "RapidDraft",
                "version": engine["version"],
                "rules": rules,
                "properties": {key: engine[key] for key in ("kernel", "kernel_version", "rules_digest")},
            }
        },
        "artifacts": [artifact],
        "results": [_result(finding, numbers[finding["rule"]], part["name"]) for finding in review["findings"]],
        "columnKind": "unicodeCodePoints",
        "properties": {
            name: review[name]
            for name in ("process", "limits", "material", "summary", "undecided")
            if review.get(name) is not None
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rules(findings: list[Finding]) -> list[dict[str, Any]]:
    """The rules that something was found by, in the order of their first finding, which is the gravest."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding["rule"], finding)
    return [_rule(rule, finding) for rule, finding in first.items()]


def _rule(rule: str, finding: Finding) -> dict[str, Any]:
    source = finding["source"] or {"title": "", "url": ""}
    cited = f"{finding['advice']}\n\nSource: {source['title']}" if source["title"] else finding["advice"]
    described: dict[str, Any] = {
        "id": rule,
        "shortDescription": {"text": finding["title"]},
        "fullDescription": {"text": finding["advice"]},
        "help": {"text": cited},
        "defaultConfiguration": {"level": _LEVELS[finding["severity"]]},
    }
    if source["url"]:
        described["helpUri"] = source["url"]
    return described


def _result(finding: Finding, rule_index: int, name: str) -> dict[str, Any]:
    file = {"artifactLocation": {"uri": _uri(name), "index": 0}, "region": _WHOLE_FILE}
    location: dict[str, Any] = {"physicalLocation": file}
    if finding["faces"]:
        location["logicalLocations"] = [{"name": f"face {face}", "kind": "face"} for face in finding["faces"]]
    shown = ("severity", "measured", "limit", "faces", "edges", "features", "point", "normal", "smallest_change")
    further = ("change", "group", "extra_minutes", "source")
    return {
        "ruleId": finding["rule"],
        "ruleIndex": rule_index,
        "level": _LEVELS[finding["severity"]],
        "message": {"text": _message(finding)},
        "locations": [location],
        "partialFingerprints": dict.fromkeys(FINGERPRINTS, str(finding["id"])),
        "properties": {key: finding[key] for key in (*shown, *further) if finding.get(key) is not None},
    }


def _message(finding: Finding) -> str:
    limit = words.limit(finding)
    against = "" if limit == "–" else f" ({limit})"
    change = f" Smallest change: {finding['smallest_change']}." if finding.get("smallest_change") else ""
    return f"{finding['title']}: {words.measured(finding)}{against}.{change}"


def _uri(name: str) -> str:
    """A relative reference (RFC 3986) to a file of that name."""
    return quote(name.replace("/", "_"), safe="")

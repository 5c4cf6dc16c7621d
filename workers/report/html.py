"""A report as one HTML file: no script, nothing from elsewhere, readable in the dark and on paper."""

import base64
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from server.flat_pattern.pattern import Pattern
from server.flat_pattern.svg import svg_of
from workers.report import words
from workers.report.content import Report
from workers.report.pictures import COLOURS, SEVERITIES, Picture


def html(report: Report) -> str:
    """The whole file. All that comes from the part is escaped."""
    return _template().render(report=report, severities=SEVERITIES, colours=COLOURS, counted=words.counted)


@lru_cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("workers.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["drawing_uri"] = _drawing_uri
    environment.filters["safe_url"] = safe_url
    return environment.get_template("report.html.jinja")


def _drawing_uri(pattern: Pattern) -> str:
    """A picture of its own, so that its styles are its own as well."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg_of(pattern)).decode()


def _data_uri(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.png).decode()


def safe_url(url: str) -> str:
    """The address, if a reader may follow it: rules of a shop could name anything."""
    return url if url.startswith(("https://", "http://")) else ""

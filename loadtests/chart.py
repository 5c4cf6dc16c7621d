"""Series as small line charts, in one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 420, 80


def write_charts(path: Path, title: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """One chart a series of (when, value), from 0 to its largest value."""
    charts = "\n".join(_chart(name, points) for name, points in series.items())
    style = "body{font:14px sans-serif}figure{display:inline-block;margin:8px}polyline{fill:none;stroke:#06c}"
    head = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{style}</style>"
    path.write_text(f"{head}<h1>{escape(title)}</h1>\n{charts}\n")


def _chart(name: str, series: Sequence[tuple[float, float]]) -> str:
    seconds, values = zip(*series, strict=True)
    top = max([*values, 1e-9])
    span = max(seconds[-1] - seconds[0], 1e-9)
    points = " ".join(
        f"{(at - seconds[0]) / span * WIDTH:.1f},{HEIGHT - value / top * HEIGHT:.1f}"
        for at, value in zip(seconds, values, strict=True)
    )
    caption = f"{escape(name)}: {values[0]:.1f} → {values[-1]:.1f}, largest {top:.1f}"
    svg = f'<svg width={WIDTH} height={HEIGHT} viewBox="0 -2 {WIDTH} {HEIGHT + 4}"><polyline points="{points}"/></svg>'
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"

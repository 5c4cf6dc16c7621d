"""A report as PDF."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any
from xml.sax.saxutils import quoteattr

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Spacer,
    Table,
    TableStyle,
)

from workers.report import fonts, words
from workers.report.content import Report, Section, Shown
from workers.report.flat import drawing
from workers.report.further import Further, Rows
from workers.report.html import safe_url
from workers.report.pictures import COLOURS, SEVERITIES, WIDTH, Picture
from workers.report.right_to_left import Lines

_INK, _DIM, _LINE, _SOFT = (colors.HexColor(code) for code in ("#1c2430", "#5b6675", "#d5dae1", "#f4f6f8"))
_LINK = "#0b5cad"
_MARGIN = 16 * mm
_FOOT = 9 * mm
_PAGE_WIDTH, _PAGE_HEIGHT = A4
_TEXT_WIDTH = _PAGE_WIDTH - 2 * _MARGIN
_PATTERN_HEIGHT = 150 * mm
_MADE_SCALE = 0.5  # pt a pixel
_WIDE_PICTURE, _ONE_PICTURE = _TEXT_WIDTH * 0.84, _TEXT_WIDTH * 0.42
# At the foot of a page.
_TALL, _ENDLESS = 80 * mm, 1e6  # of a row
_LONG_NAME = 60


def pdf(report: Report) -> bytes:
    """The whole file. The same report gives the same bytes."""
    fonts.register()
    content = io.BytesIO()
    document = BaseDocTemplate(
        content,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + _FOOT,
        title=f"{report.name}: manufacturability review",
        author="RapidDraft",
        subject=f"{report.process}: {report.verdict}",
        lang="en",
        invariant=1,
    )
    frame = Frame(
        _MARGIN, _MARGIN + _FOOT, _TEXT_WIDTH, _PAGE_HEIGHT - 2 * _MARGIN - _FOOT, leftPadding=0, rightPadding=0,
        topPadding=0, bottomPadding=0,
    )  # fmt: skip
    document.addPageTemplates(PageTemplate("page", [frame]))
    document.build(_story(report), canvasmaker=partial(_NumberedPages, foot=_foot(report)))
    return content.getvalue()


def _story(report: Report) -> list[Flowable]:
    story = [*_cover(report), *_summary(report)]
    if report.sections:
        story += [CondPageBreak(90 * mm), _heading("Findings")]
    for section in report.sections:
        story += _section(section)
    for further in report.further:
        story += _further(further)
    story += _facts(report)
    story += _titled("Not decided", report.undecided)
    story += _titled("Rules switched off", report.switched_off)
    if report.notes:
        story += [_heading("Notes on the file"), *(_text(note) for note in report.notes)]
    about = "Lengths are in mm, angles in degrees. Faces are numbered from 0 in the order of the file. The verdict "
    about += "follows from the gravest finding."
    formula = f" Score = {report.score_formula}." if report.score_formula else ""
    return [*story, *_titled("About this report", report.made_by), Spacer(1, 2 * mm), _text(about + formula, _NOTE)]


class _NumberedPages(Canvas):
    """Writes at the foot of each page which of how many it is, so only once all are there."""

    def __init__(self, *arguments: Any, foot: str, **more: Any) -> None:  # noqa: ANN401 - reportlab's
        super().__init__(*arguments, **more)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's
        """Put the page aside."""
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined] # not among what its types name

    def save(self) -> None:
        """Number the pages, and write all of it."""
        for number, page in enumerate(pages := self._pages, start=1):
            self.__dict__.update(page)
            self._write_foot(f"{number} / {len(pages)}")
            super().showPage()
        super().save()

    def _write_foot(self, number: str) -> None:
        self.setStrokeColor(_LINE)
        self.line(_MARGIN, _MARGIN + 4 * mm, _PAGE_WIDTH - _MARGIN, _MARGIN + 4 * mm)
        foot = Lines(fonts.markup(self._foot), _NOTE)
        foot.wrap(_TEXT_WIDTH - 20 * mm, 4 * mm)
        foot.drawOn(self, _MARGIN, _MARGIN)
        self.setFont(fonts.TEXT, 8)
        self.setFillColor(_DIM)
        self.drawRightString(_PAGE_WIDTH - _MARGIN, _MARGIN + 1, number)


def _foot(report: Report) -> str:
    name = report.name if len(report.name) <= _LONG_NAME else f"{report.name[: _LONG_NAME - 1]}…"
    run = dict(report.made_by).get("Run")
    return f"{name} · {report.process}" + (f" · run {run}" if run else "")


# -- parts of the report -------------------------------------------------------------------------------------


def _cover(report: Report) -> list[Flowable]:
    verdict = Lines(
        f"<b>{fonts.markup(report.verdict.capitalize())}</b>"
        f'<font color="{_hex(_DIM)}">  ·  {fonts.markup(report.score)}</font>',
        _VERDICT,
    )
    chips = [
        _chip(severity, words.counted(report.counts[severity], severity, severity))
        for severity in SEVERITIES
        if report.counts[severity]
    ]
    return [
        _text("Manufacturability review", _NOTE),
        _text(report.name, _TITLE),
        verdict,
        *([_beside(chips)] if chips else [_text("Nothing was found.")]),
        Spacer(1, 4 * mm),
        _image(report.cover, _TEXT_WIDTH),
        Spacer(1, 3 * mm),
        _pairs(report.head),
    ]


def _summary(report: Report) -> list[Flowable]:
    if not report.sections:
        return []
    rows = [
        [_chip(of.severity, of.severity), _text(of.title), _text(str(of.count), _RIGHT), _text(of.worst.measured),
         _text(of.worst.limit)]
        for of in report.sections
    ]  # fmt: skip
    names = ("Severity", "What", "Findings", "Gravest", "Limit")
    return [CondPageBreak(50 * mm), _heading("Summary"), _table(names, rows, (20, 66, 16, 48, 28), right=(2,))]


def _section(section: Section) -> list[Flowable]:
    many = f" · {words.counted(section.count, 'finding')}" if section.count > 1 else ""
    title = Lines(
        f"{_chip_markup(section.severity, section.severity)}  <b>{fonts.markup(section.title)}</b>"
        f'<font color="{_hex(_DIM)}" size="9">  {fonts.markup(section.rule + many)}</font>',
        _SUBHEADING,
    )
    pictures = _pictures([*section.pictures, *([section.overview] if section.overview else [])])
    opening: list[Flowable] = [title, _advice(section), Spacer(1, 2 * mm), *pictures[0]]
    rows = [
        [_text(entry.number, _RIGHT), _text(entry.measured), _text(entry.limit), _text(entry.change),
         _text(entry.where), _text(entry.faces), _text(str(entry.picture or ""), _RIGHT)]
        for entry in section.entries
    ]  # fmt: skip
    names = ("No.", "Measured", "Limit", "Smallest change", "At x, y, z (mm)", "Faces", "Picture")
    table = _table(names, rows, (12, 35, 22, 49, 28, 19, 13), right=(0, 6))
    return [KeepTogether(opening), *(KeepTogether(row) for row in pictures[1:]), table, Spacer(1, 3 * mm)]


def _advice(section: Section) -> Flowable:
    source = fonts.markup(section.source_title)
    if url := safe_url(section.source_url):
        source = f"<a href={quoteattr(url)} color={quoteattr(_LINK)}>{source}</a>"
    cited = f'<br/><font color="{_hex(_DIM)}">Source: </font>{source}' if section.source_title else ""
    table = Table([[Lines(fonts.markup(section.advice) + cited, _BODY)]], colWidths=[_TEXT_WIDTH], splitInRow=1)
    table.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), _SOFT), ("LINEBEFORE", (0, 0), (0, -1), 2, _LINE)]))
    return table


def _pictures(shown: list[Shown]) -> list[list[Flowable]]:
    """One below the other, with its caption; single ones in pairs."""
    wide = [one for one in shown if one.picture.width > WIDTH]
    narrow = [one for one in shown if one.picture.width <= WIDTH]
    rows = [_figure(one, _WIDE_PICTURE) for one in wide]
    for first in range(0, len(narrow), 2):
        pair = [_figure(one, _ONE_PICTURE) for one in narrow[first : first + 2]]
        rows.append([_columns(pair, _TEXT_WIDTH / 2)])
    return rows


def _figure(shown: Shown, width: float) -> list[Flowable]:
    caption = _text(f"Picture {shown.number}. {shown.caption}", _NOTE)
    return [_image(shown.picture, width), caption, Spacer(1, 2.5 * mm)]


def _facts(report: Report) -> list[Flowable]:
    rows = [
        [_text(name), _text(value), _text(state), _text(method, _NOTE)] for name, value, state, method in report.facts
    ]
    names = ("Fact", "Value", "State", "How")
    return [CondPageBreak(50 * mm), _heading("Part facts"), _table(names, rows, (40, 56, 22, 60))]


def _further(further: Further) -> list[Flowable]:
    shown: list[Flowable] = [CondPageBreak(60 * mm), _heading(further.title)]
    if further.picture:
        image = _image(further.picture, further.picture.width * _MADE_SCALE)
        shown = [KeepTogether([shown[-1], image, _text(further.caption, _NOTE), Spacer(1, 2 * mm)])]
    if further.pattern:
        said = _text(f"{further.caption} {further.legend}", _NOTE)
        shown += [drawing(further.pattern, _TEXT_WIDTH, _PATTERN_HEIGHT), said, Spacer(1, 2 * mm)]
    if further.rows:
        shown.append(_pairs(further.rows))
    grid = further.grid
    if grid is None:
        return shown
    rows = [[_text(value) for value in row] for row in grid.rows]
    return [*shown, Spacer(1, 2 * mm), _table(grid.names, rows, grid.widths)]


def _titled(title: str, rows: Rows) -> list[Flowable]:
    return [CondPageBreak(35 * mm), _heading(title), _pairs(rows)] if rows else []


# -- what they are made of -------------------------------------------------------------------------------------


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:  # noqa: ANN401 - reportlab's
    return ParagraphStyle(
        name, fontName=fonts.TEXT, fontSize=size, leading=size * 1.36, textColor=more.pop("textColor", _INK),
        splitLongWords=1, **more,
    )  # fmt: skip


_BODY = _style("body", 9)
_NOTE = _style("note", 8, textColor=_DIM)
_RIGHT = _style("right", 9, alignment=2)
_NAME = _style("name", 8, textColor=_DIM)
_NAME_RIGHT = _style("name on the right", 8, textColor=_DIM, alignment=2)
_TITLE = _style("title", 20, spaceAfter=1 * mm)
_VERDICT = _style("verdict", 13, spaceAfter=2 * mm)
_HEADING = _style("heading", 14, spaceBefore=6 * mm, spaceAfter=2 * mm)
_SUBHEADING = _style("subheading", 11, spaceBefore=4 * mm, spaceAfter=2 * mm)


def _text(text: str, style: ParagraphStyle = _BODY) -> Lines:
    return Lines(fonts.markup(text), style)


def _heading(text: str) -> Flowable:
    return Lines(f"<b>{fonts.markup(text)}</b>", _HEADING)


def _hex(colour: colors.Color) -> str:
    return str(colour.hexval()).replace("0x", "#")


def _chip_markup(severity: str, text: str) -> str:
    ink = _hex(_INK) if severity == "minor" else "#ffffff"
    padded = f"{words.NBSP}{fonts.markup(text)}{words.NBSP}"
    return f'<font backColor="{COLOURS[severity]}" color="{ink}" size="8"><b>{padded}</b></font>'


def _chip(severity: str, text: str) -> Lines:
    return Lines(_chip_markup(severity, text), _BODY)


def _image(picture: Picture, width: float) -> Flowable:
    image = Image(io.BytesIO(picture.png), width, width * picture.height / picture.width)
    image.hAlign = "LEFT"
    return image


def _beside(flowables: Sequence[Flowable]) -> Flowable:
    table = Table([list(flowables)], colWidths=[26 * mm] * len(flowables), hAlign="LEFT")
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _columns(flowables: Sequence[list[Flowable]], width: float) -> Flowable:
    table = Table([[*flowables]], colWidths=[width] * len(flowables), hAlign="LEFT")
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return table


def _pairs(rows: Rows) -> Flowable:
    table = Table(
        [[_text(name, _NAME), _text(value)] for name, value in rows],
        colWidths=[38 * mm, _TEXT_WIDTH - 38 * mm],
        splitInRow=1,
    )
    table.setStyle(TableStyle(_LINES))
    return table


def _table(
    names: Sequence[str], rows: Sequence[Sequence[Flowable]], widths: Sequence[float], right: Sequence[int] = ()
) -> Table:
    """Breaks across pages, its head on each, and within a row only where one is tall; `widths` are mm."""
    head = [_text(name, _NAME_RIGHT if at in right else _NAME) for at, name in enumerate(names)]
    across = [width * mm for width in widths]
    is_tall = any(cell.wrap(wide, _ENDLESS)[1] > _TALL for row in rows for cell, wide in zip(row, across, strict=True))
    table = Table([head, *map(list, rows)], colWidths=across, repeatRows=1, splitInRow=int(is_tall))
    table.setStyle(TableStyle([*_LINES, ("LINEBELOW", (0, 0), (-1, 0), 0.8, _DIM)]))
    return table


_LINES: list[Any] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
]

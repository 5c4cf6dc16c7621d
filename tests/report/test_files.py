"""Reports as files: HTML, PDF, CSV and SARIF say what the review says, whatever the part is called."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pypdfium2  # type: ignore[import-untyped]
import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import SimpleDocTemplate

from tests.assemblies import Placed, Product, write_assembly
from tests.parts import block, bracket, cylinder
from tests.report.drawing import Drawn, drawn, drawn_solid
from workers.report import fonts, words
from workers.report.content import Report, content
from workers.report.csv_file import COLUMNS, csv_file
from workers.report.html import html, safe_url
from workers.report.pdf import pdf
from workers.report.right_to_left import Lines
from workers.report.sarif import sarif

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text("utf-8"))
NAME = "Gehäuse Ø5 µ Ωμέγα 齿轮箱 기어 <b>\"&'.step"
ABOUT = {"Run": "01M871R759E2Q3XHA4BN1MPQ1P"}


@pytest.fixture(scope="module")
def a_bracket(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn_solid(bracket(), tmp_path_factory.mktemp("bracket"))


@pytest.fixture(scope="module")
def report(a_bracket: Drawn) -> Report:
    return content(named(a_bracket.review, NAME), a_bracket.painter, ABOUT)


@pytest.fixture(scope="module")
def pages(report: Report) -> list[str]:
    return text_of(pdf(report))


def named(review: dict[str, Any], name: str) -> dict[str, Any]:
    return {**review, "part": {**review["part"], "name": name}}


def text_of(document: bytes) -> list[str]:
    """What each page of a PDF says, in one line."""
    with pypdfium2.PdfDocument(document) as read:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in read]


# -- HTML ------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_names_every_finding_with_its_figures(a_bracket: Drawn, report: Report) -> None:
    page = Page(html(report))
    for finding in a_bracket.review["findings"]:
        assert words.measured(finding) in page.text
        assert finding["smallest_change"] in page.text
        assert finding["advice"] in page.text
    assert NAME in page.text


def test_html_needs_nothing_from_elsewhere_and_runs_nothing(report: Report) -> None:
    source = html(report)
    page = Page(source)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    pictures = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) > 5
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures)
    assert "url(" not in source and "@import" not in source


def test_html_pictures_are_described_and_links_lead_somewhere(report: Report) -> None:
    page = Page(html(report))
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    inner = [str(attributes["href"])[1:] for _, attributes in page.tags if str(attributes.get("href")).startswith("#")]
    assert inner
    assert set(inner) <= set(ids)


def test_an_address_that_could_run_something_is_no_link(a_bracket: Drawn) -> None:
    review = json.loads(json.dumps(a_bracket.review))
    for finding in review["findings"]:
        finding["source"]["url"] = "javascript:alert(1)"
    source = html(content(review, a_bracket.painter, {}))
    assert "javascript:" not in source
    assert safe_url("https://example.org/a") == "https://example.org/a"


def test_the_same_review_gives_the_same_files(a_bracket: Drawn, report: Report) -> None:
    again = content(named(a_bracket.review, NAME), a_bracket.painter, ABOUT)
    assert html(again) == html(report)
    assert pdf(again) == pdf(report)


# -- PDF -------------------------------------------------------------------------------------------------


def test_pdf_says_what_is_in_the_review(a_bracket: Drawn, pages: list[str]) -> None:
    whole = " ".join(pages)
    for finding in a_bracket.review["findings"]:
        assert finding["title"] in whole
        assert finding["rule"] in whole
    review = a_bracket.review
    digits = whole.replace(" ", "")
    for said in (ABOUT["Run"], review["part"]["sha256"], review["engine"]["rules_digest"]):
        assert said in digits
    assert "Redesign" in pages[0] and "CNC milling" in pages[0]


def test_pdf_prints_every_name(pages: list[str]) -> None:
    for word in ("Gehäuse", "Ø5", "Ωμέγα", "<b>", "齿轮箱", "기어"):
        assert word in pages[0]
    assert "≤" in " ".join(pages)


def test_hebrew_and_arabic_run_from_right_to_left_and_break_where_they_are_read() -> None:
    fonts.register()
    written = io.BytesIO()
    lines = [Lines(fonts.markup(text), ParagraphStyle("", fontName=fonts.TEXT)) for text in _FROM_THE_RIGHT]
    SimpleDocTemplate(written).build([*lines])
    with pypdfium2.PdfDocument(written.getvalue()) as read:
        page = read[0].get_textpage()
        every = [(page.get_text_range(at, 1), page.get_charbox(at)) for at in range(page.count_chars())]
    place = {letter: (left, bottom) for letter, (left, bottom, _, _) in every}
    for first, next_ in ("אב", "ם1", "حم"):
        assert place[first][0] > place[next_][0]
    assert place["ם"][0] < place["."][0] < place["s"][0]  # on a page that runs from left to right
    assert place["ת"][1] > place["ר"][1]  # begun on the line above the last one
    assert "\N{ARABIC LETTER HAH INITIAL FORM}" in fonts.markup(_FROM_THE_RIGHT[1])
    assert [letter for letter, _ in every].count("\N{REPLACEMENT CHARACTER}") == 2


_FROM_THE_RIGHT = [
    "אבם1.s",
    "حمل",
    "נת " + "גגגגגגגג " * 20 + "ר",
    "\N{THAI CHARACTER KO KAI}\u200b\N{DEVANAGARI LETTER KA}",
]


def test_pdf_numbers_its_pages_and_none_is_empty(pages: list[str]) -> None:
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
        assert len(page) > 200


def test_nothing_in_a_pdf_reaches_over_the_margin(report: Report) -> None:
    with pypdfium2.PdfDocument(pdf(report)) as read:
        for page in read:
            width, height = page.get_size()
            for kept in page.get_objects():
                left, bottom, right, top = kept.get_bounds()
                assert left > 30 and bottom > 30 and right < width - 30 and top < height - 30


def test_hundreds_of_remarks_stay_a_few_pages(a_bracket: Drawn) -> None:
    review = json.loads(json.dumps(a_bracket.review))
    remark = next(finding for finding in review["findings"] if finding["severity"] == "info")
    review["findings"] = [{**remark, "id": f"{number:x}"} for number in range(400)]
    many = content(review, a_bracket.painter, {})
    assert [section.count for section in many.sections] == [400]
    assert [entry.number for entry in many.sections[0].entries] == ["1 – 400"]
    assert len(text_of(pdf(many))) <= 4


def test_a_long_table_breaks_across_pages(a_bracket: Drawn) -> None:
    review = json.loads(json.dumps(a_bracket.review))
    grave = review["findings"][0]
    review["findings"] = [{**grave, "id": f"{number:x}"} for number in range(90)]
    pages = text_of(pdf(content(review, a_bracket.painter, {})))
    with_table = [page for page in pages if "Smallest change" in page]
    assert len(with_table) >= 3  # its head stands on each


def test_a_part_without_findings_has_a_report(tmp_path: Path) -> None:
    part = drawn_solid(block(60.0, 40.0, 20.0), tmp_path)
    assert part.review["findings"] == []
    sound = content(part.review, part.painter, {})
    assert "Nothing was found" in html(sound)
    assert "Nothing was found" in text_of(pdf(sound))[0]


def test_a_point_is_no_size(report: Report) -> None:
    facts = {name: value for name, value, _, _ in report.facts}
    assert facts["bounding box"].replace("\N{NO-BREAK SPACE}", " ") == "120 × 80 × 30 mm"
    assert facts["centre of mass"].startswith("(")


def test_an_assembly_has_a_report(tmp_path: Path) -> None:
    pin = Product("pin", cylinder(2.0, 60.0, (0.0, 0.0, 0.0)))
    plate = Product("plate", block(80.0, 40.0, 0.3))
    parts = [Placed(pin, (10.0, 10.0, 1.0)), Placed(pin, (50.0, 10.0, 1.0)), Placed(plate)]
    whole = drawn(write_assembly(Product("frame", None, parts), tmp_path / "frame.step"))
    assert "3 bodies" in text_of(pdf(content(whole.review, whole.painter, {})))[0]


def test_texts_longer_than_a_page_run_on(a_bracket: Drawn) -> None:
    """A shop's own rules may say a lot."""
    review = json.loads(json.dumps(a_bracket.review))
    review["findings"][0] |= {"advice": "advice " * 3000, "smallest_change": "change " * 800, "title": "T" * 400}
    review["facts"]["volume"]["value"] = "fact" * 3000
    review["undecided"] = [{"rule": "a-rule", "lacks": "reason " * 3000}]
    said = " ".join(text_of(pdf(content(review, a_bracket.painter, {}))))
    assert [said.count(word) for word in ("advice", "change", "reason")] >= [3000, 800, 3000]


# -- CSV -------------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_line_for_each_finding(a_bracket: Drawn) -> None:
    rows = rows_of(csv_file(a_bracket.review))
    assert [row["id"] for row in rows] == [finding["id"] for finding in a_bracket.review["findings"]]
    for row, finding in zip(rows, a_bracket.review["findings"], strict=True):
        assert float(row["measured"]) == finding["measured"]["value"]
        assert row["unit"] == finding["measured"]["unit"]
        assert row["faces"].split() == [str(face) for face in finding["faces"]]
        assert [float(row[axis]) for axis in "xyz"] == finding["point"]


def test_csv_is_as_rfc_4180_has_it(a_bracket: Drawn) -> None:
    text = csv_file(named(a_bracket.review, 'a"b,\nc.step'))
    assert '"a""b,\nc.step"' in text
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    assert text.endswith("\r\n")
    assert rows_of(text)[0]["part"] == 'a"b,\nc.step'


@pytest.mark.parametrize("name", ["=1+1.step", "+1.step", "-1.step", "@sum.step", "\t=1.step", "\r=1.step"])
def test_csv_has_no_formulas(a_bracket: Drawn, name: str) -> None:
    assert rows_of(csv_file(named(a_bracket.review, name)))[0]["part"] == "'" + name


def test_a_negative_number_is_no_formula(a_bracket: Drawn) -> None:
    finding = {**a_bracket.review["findings"][0], "point": [-1.5, 0.0, 0.0]}
    assert rows_of(csv_file({**a_bracket.review, "findings": [finding]}))[0]["x"] == "-1.5"


# -- SARIF -----------------------------------------------------------------------------------------------


def test_sarif_is_as_its_schema_has_it(a_bracket: Drawn) -> None:
    log = json.loads(json.dumps(sarif(named(a_bracket.review, NAME))))
    jsonschema.Draft202012Validator(SCHEMA).validate(log)


def test_sarif_without_findings_is_as_its_schema_has_it(a_bracket: Drawn) -> None:
    log = sarif({**a_bracket.review, "findings": []})
    jsonschema.Draft202012Validator(SCHEMA).validate(log)
    assert log["runs"][0]["results"] == []


def test_sarif_results_name_their_rules_and_findings(a_bracket: Drawn) -> None:
    [run] = sarif(a_bracket.review)["runs"]
    rules = run["tool"]["driver"]["rules"]
    findings = a_bracket.review["findings"]
    assert [rule["id"] for rule in rules] == list(dict.fromkeys(finding["rule"] for finding in findings))
    for result, finding in zip(run["results"], findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding["rule"]
        assert set(result["partialFingerprints"].values()) == {finding["id"]}
        assert "primaryLocationLineHash" in result["partialFingerprints"]
        assert all(place["physicalLocation"]["region"]["startLine"] == 1 for place in result["locations"])
        assert result["properties"]["measured"] == finding["measured"]
        assert result["properties"]["limit"] == finding["limit"]
        assert result["level"] == {"critical": "error", "major": "warning"}.get(finding["severity"], "note")


def test_sarif_names_the_file_as_a_reference(a_bracket: Drawn) -> None:
    [run] = sarif(named(a_bracket.review, "a/b ü.step"))["runs"]
    assert run["artifacts"][0]["location"]["uri"] == "a_b%20%C3%BC.step"
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["index"] == 0


# -- figures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "printed"),
    [
        (0.6, "mm", "0.6 mm"),
        (13.333333, "mm", "13.333 mm"),
        (227636.741, "mm3", "227 637 mm³"),
        (5.0, "deg", "5°"),
        (2, "count", "2"),
        (0.00012, "mm", "0.00012 mm"),
        (0, "mm", "0 mm"),
        (-0.0, "mm", "0 mm"),
        (True, "", "yes"),
        (
            [{"direction": [0.0, 0.0, 1.0], "main": True}, {"direction": [1.0, 0.0, 0.0], "main": False}],
            "",
            "direction +z, main; direction +x",
        ),
        (None, "mm", "–"),
        ([120.0, 80.0, 30.0], "mm", "120 × 80 × 30 mm"),
        ({"plane": 28, "torus": 4}, "count", "plane 28, torus 4"),
    ],
)
def test_figures_are_printed_with_their_units(value: Any, unit: str, printed: str) -> None:  # noqa: ANN401 - a fact's
    assert re.sub("\N{NO-BREAK SPACE}", " ", words.amount(value, unit)) == printed

"""The typefaces of the PDF: DejaVu; for Chinese, Japanese and Korean those that every reader of PDF brings along, since
one with all their characters has tens of megabytes.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

from workers.report.right_to_left import joined

TEXT, BOLD = "DejaVu", "DejaVu-Bold"
_FOLDER = Path(__file__).parent / "fonts"
_CHINESE, _KOREAN = "STSong-Light", "HYSMyeongJo-Medium"
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# Nothing can print these, and XML has no place for them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@lru_cache
def register() -> None:
    """Make them known to reportlab, once a process."""
    pdfmetrics.registerFont(TTFont(TEXT, _FOLDER / "DejaVuSansCondensed.ttf"))
    pdfmetrics.registerFont(TTFont(BOLD, _FOLDER / "DejaVuSansCondensed-Bold.ttf"))
    pdfmetrics.registerFontFamily(TEXT, normal=TEXT, bold=BOLD, italic=TEXT, boldItalic=BOLD)
    for name in (_CHINESE, _KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(name))


def markup(text: str) -> str:
    """`text` for a paragraph: escaped, letters joined, and each run of it in a typeface that has it.

    A character that none of them has is a question mark in a box, as on screens.
    """
    written = joined(_CONTROL.sub(_UNKNOWN, text))
    return _EAST_ASIAN.sub(_in_its_typeface, escape(written.translate(_instead_of(written))))


def _instead_of(text: str) -> dict[int, str]:
    """By the code of each character that is in no typeface, what is drawn instead: nothing, of what has no shape."""
    drawn = pdfmetrics.getFont(TEXT).face.charToGlyph  # type: ignore[attr-defined] # not among what its types name
    missing = {letter for letter in set(text) if ord(letter) not in drawn and not letter.isspace()}
    return {
        ord(letter): "" if unicodedata.category(letter) == "Cf" else _UNKNOWN
        for letter in missing
        if not _EAST_ASIAN.match(letter)
    }


def _in_its_typeface(run: re.Match[str]) -> str:
    typeface = _KOREAN if _HANGUL.search(run.group()) else _CHINESE
    return f'<font name="{typeface}">{run.group()}</font>'

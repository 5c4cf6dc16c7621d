"""The typefaces of the PDF: DejaVu for what is written from left to right; for Chinese, Japanese and Korean those that
every reader of PDF brings along, since one with all their characters has tens of megabytes.
"""

import re
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

TEXT, BOLD = "DejaVu", "DejaVu-Bold"
_FOLDER = Path(__file__).parent / "fonts"
_CHINESE, _KOREAN = "STSong-Light", "HYSMyeongJo-Medium"
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
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
    """`text` for a paragraph: escaped, and each run of it in a typeface that has it."""
    escaped = escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))
    return _EAST_ASIAN.sub(_in_its_typeface, escaped)


def _in_its_typeface(run: re.Match[str]) -> str:
    typeface = _KOREAN if _HANGUL.search(run.group()) else _CHINESE
    return f'<font name="{typeface}">{run.group()}</font>'

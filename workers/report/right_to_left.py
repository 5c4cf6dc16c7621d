"""Hebrew and Arabic on paper: letters joined, and each line in the order in which it is seen.

reportlab does so with a library that has no releases for our Python, and not where a line has several formats.
"""

import re

import arabic_reshaper
from bidi import get_display
from reportlab.platypus import Paragraph

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# The typeface does not have that ligature.
_JOINING = arabic_reshaper.ArabicReshaper({"delete_harakat": False, "ARABIC LIGATURE ALLAH": False})


def joined(text: str) -> str:
    """`text` with the forms that Arabic letters have beside one another, in the order in which it is read."""
    return str(_JOINING.reshape(text)) if _RIGHT_TO_LEFT.search(text) else text


class Lines(Paragraph):
    """A paragraph whose lines are put in order as they are drawn: where it breaks depends on the order of reading.

    As text of a left-to-right page (UAX #9, embedding level 0), within each format of a line by itself.
    """

    def drawPara(self, debug: int = 0) -> None:  # noqa: N802 - reportlab's
        """Draw it on its canvas."""
        read = self.blPara  # type: ignore[has-type] # reportlab's
        if read.kind == 0:
            self.blPara = read.clone(lines=[(room, [_seen(" ".join(words))]) for room, words in read.lines])
        else:
            self.blPara = read.clone(
                lines=[
                    line.clone(words=[word.clone(text=_seen(word.text)) for word in line.words]) for line in read.lines
                ]
            )
        super().drawPara(debug)
        self.blPara = read


def _seen(text: str) -> str:
    return str(get_display(text, base_dir="L")) if _RIGHT_TO_LEFT.search(text) else text

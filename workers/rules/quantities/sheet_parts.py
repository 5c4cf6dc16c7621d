"""What quantities of sheet metal share: the part laid flat, and a measurement of some of it."""

from collections.abc import Iterable

import numpy as np

from workers.rules.measurement import ChangeTo, Measurement, NotDecidedError
from workers.rules.quantities.registry import Subject, analysis_of
from workers.sheet.analysis import SheetMetal
from workers.sheet.flat_pattern import NotUnfoldedError
from workers.sheet.laid import Laid
from workers.sheet.layout import Beyond


def laid_flat(subject: Subject) -> Laid:
    """The part in the flat, for its material. Raises NotDecidedError with the reason if it cannot be laid flat."""
    try:
        return analysis_of(subject, SheetMetal).laid(subject.material)
    except NotUnfoldedError as reason:
        raise NotDecidedError(f"no flat pattern: {reason}") from reason


def measured(subject: Subject, value: float, faces: Iterable[int], change: ChangeTo, **details: float) -> Measurement:
    """A measurement on some faces, pointed at by the first of them."""
    numbers = sorted(set(faces))
    part = subject.part
    at = numbers[0]
    middle = np.asarray(part.faces.point[at])
    features = subject.features_with(numbers)
    return Measurement(value, numbers, middle, part.faces.normal[at], change, features, details=details)


def bend_faces(laid: Laid, one: Beyond) -> list[int]:
    """Both sides of a bend; of one that is drawn sharp, the flats that meet there."""
    own = one.bend.bend.faces
    if not own:
        return sorted(face for face in laid.sheet.sides[one.bend.bend.edge] if face >= 0)
    return sorted({*own, *(other for face in own for other in laid.sheet.skins.partner.get(face, []))})


def flat_faces(laid: Laid, one: Beyond) -> list[int]:
    """Both sides of the first flat beyond a bend."""
    own = one.flats[0]
    return sorted({*own, *(other for face in own for other in laid.sheet.skins.partner.get(face, []))})

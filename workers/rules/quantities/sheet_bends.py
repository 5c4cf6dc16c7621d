"""Quantities of bends, flanges, hems and curls."""

from collections import defaultdict

from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.quantities.sheet_parts import bend_faces, flat_faces, laid_flat, measured
from workers.rules.rule_file import Rule
from workers.sheet.features import outer_height
from workers.sheet.laid import Laid
from workers.sheet.layout import Beyond

FOLDED = ("hem", "curl")


def _bent(laid: Laid) -> list[Beyond]:
    """What a press brake bends: hems and curls are made otherwise."""
    return [one for one in laid.bends if one.kind not in FOLDED]


def _by_radius(bends: list[Beyond]) -> dict[float, list[Beyond]]:
    groups = defaultdict(list)
    for one in bends:
        groups[round(one.bend.bend.radius, 3)].append(one)
    return dict(sorted(groups.items()))


@quantity("bend_radius_to_thickness")
def bend_radius_to_thickness(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Inner radius over thickness of all bends of one radius; hems and curls have rules of their own."""
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    found = []
    for bends in _by_radius(_bent(laid)).values():
        radius = bends[0].bend.bend.radius
        faces = [face for one in bends for face in bend_faces(laid, one)]
        found.append(measured(subject, radius / thickness, faces, _wider(radius, thickness, len(bends))))
    return found


def _wider(radius: float, thickness: float, count: int) -> ChangeTo:
    what = "it" if count == 1 else f"all {count}"

    def change(limit: float) -> Change:
        to = limit * thickness
        return Change(f"bend {what} about R{to:.2f} mm instead of R{radius:.2f} mm", "radius", radius, to)

    return change


@quantity("bend_radii")
def bend_radii(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Number of different inner radii of the part's bends, hems, curls and what is rolled apart."""
    laid = laid_flat(subject)
    groups = _by_radius([one for one in _bent(laid) if not one.is_rolled])
    if not groups:
        return []
    common = max(groups, key=lambda radius: (len(groups[radius]), radius))
    odd = [
        face for radius, bends in groups.items() if radius != common for one in bends for face in bend_faces(laid, one)
    ]
    faces = odd or bend_faces(laid, groups[common][0])
    is_most = 2 * len(groups[common]) > sum(map(len, groups.values()))
    text = f"bend all about R{common:.2f} mm" + (", as most are" if is_most else ", say")
    return [measured(subject, float(len(groups)), faces, lambda _limit: text)]


@quantity("flange_height")
def flange_height(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Height in mm of each flange over its outside, the bend included.

    Details: `thickness`, and `thickness_and_quarter_radius`, of which 4 are four thicknesses and the radius.
    """
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    found = []
    for one in laid.bends:
        if one.kind != "flange":
            continue
        height, radius = outer_height(one, thickness), one.bend.bend.radius
        found.append(
            measured(
                subject, height, flat_faces(laid, one), _longer("height", height), thickness=thickness,
                thickness_and_quarter_radius=thickness + radius / 4,
            )
        )  # fmt: skip
    return found


def _longer(size: str, now: float) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"make it {limit - now:.2f} mm longer (to {limit:.2f} mm)", size, now, limit)

    return change


@quantity("hem_return")
def hem_return(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Length in mm that each hem is folded back, from where its bend ends. Detail: `thickness`."""
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    hems = [one for one in laid.bends if one.kind == "hem"]
    return [
        measured(subject, one.reach, flat_faces(laid, one), _longer("length", one.reach), thickness=thickness)
        for one in hems
    ]


@quantity("hem_radius")
def hem_radius(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Inner radius in mm of each hem. Detail: `thickness`."""
    return _radii(subject, "hem", outer=False)


@quantity("curl_outer_radius")
def curl_outer_radius(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Outer radius in mm of each curl: a bend of half a turn or more that nothing follows. Detail: `thickness`."""
    return _radii(subject, "curl", outer=True)


def _radii(subject: Subject, kind: str, *, outer: bool) -> list[Measurement]:
    laid = laid_flat(subject)
    thickness = laid.sheet.thickness
    found = []
    for one in laid.bends:
        if one.kind == kind:
            radius = one.bend.bend.radius + (thickness if outer else 0.0)
            found.append(measured(subject, radius, bend_faces(laid, one), _rounder(radius), thickness=thickness))
    return found


def _rounder(now: float) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"widen its radius by {limit - now:.2f} mm to {limit:.2f} mm", "radius", now, limit)

    return change

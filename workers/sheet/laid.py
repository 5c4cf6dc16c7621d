"""A sheet laid flat for one K-factor, with all that rules ask of it."""

from dataclasses import dataclass
from functools import cached_property

from shapely import LineString, Polygon, make_valid, prepare
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from workers.sheet.flat_pattern import FlatPattern
from workers.sheet.layout import Beyond, beyond_bends
from workers.sheet.openings import Opening, openings_of
from workers.sheet.reliefs import Relief, reliefs_of
from workers.sheet.segments import chords_of
from workers.sheet.sheet import Sheet

INSIDE = 0.99  # share of a line that lies in material


@dataclass(frozen=True)
class Laid:
    """The sheet, its pattern, what hangs on its bends and what is open in it."""

    sheet: Sheet
    pattern: FlatPattern

    @cached_property
    def bends(self) -> list[Beyond]:
        """One for each bend of the pattern."""
        return beyond_bends(self.sheet, self.pattern)

    @cached_property
    def openings(self) -> list[Opening]:
        """One for each inner loop of the pattern."""
        return openings_of(self.sheet, self.pattern)

    @cached_property
    def outline(self) -> Polygon:
        """The pattern without its openings."""
        return Polygon(chords_of(self.pattern.outline))

    @cached_property
    def material(self) -> BaseGeometry:
        """The pattern as it is cut."""
        holes = [opening.shape.exterior.coords for opening in self.openings]
        shape = make_valid(Polygon(self.outline.exterior.coords, holes))
        prepare(shape)
        return shape

    @cached_property
    def reliefs(self) -> list[Relief]:
        """Beside the ends of bends that need one, missing ones too."""
        return reliefs_of(self.material, self.bends, self.sheet.thickness)

    def through_material(self, one: BaseGeometry, two: BaseGeometry) -> bool:
        """Whether the shortest way from one shape to another does not leave the sheet."""
        way = LineString(nearest_points(one, two))
        return way.length == 0.0 or self.material.intersection(way).length > INSIDE * way.length

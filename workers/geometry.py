"""What is read and measured of a file and recognised on it: what neither rules nor limits nor material change.

It is most of the work, so it is kept for the next job on the same bytes, pickled, in the content cache. Pickles are
loaded in sandbox children only, and only such as this very engine made: its digest is in the key.

Not kept is what only measuring needs: the kernel's faces, which nothing asks any more once all facts were measured,
the scene for rays, the samples, and what a mesh can tell of itself faster than it is loaded.
"""

import copyreg
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from workers.cad.part import Mesh, Part
from workers.cad.read_file import read_file
from workers.cad.reading import Reading
from workers.cad.wall_probe import KernelWallProbe
from workers.content_cache import ContentCache
from workers.facts.measure import PartFacts, measure_facts
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.recognise import recognise
from workers.process_choice import ProcessChoice, choose_process
from workers.stages import Stages

log = logging.getLogger(__name__)

# A part of 10,000 faces takes less. What takes more would drive out the geometry of dozens of others.
MOST_BYTES = 50 * 1024 * 1024


@dataclass
class Solid:
    """What is known of one distinct solid of a file."""

    facts: PartFacts
    features: dict[bool, list[Feature]] = field(default_factory=dict)  # by whether it was looked at as turned

    def features_for(self, choice: ProcessChoice) -> list[Feature]:
        """Those that a review for the chosen process looks at."""
        return self.features[choice.axis is not None]


@dataclass
class Geometry:
    """A file, read, and what is known of its distinct solids, in the order of `reading.parts`."""

    reading: Reading
    solids: list[Solid]
    choices: dict[str, list[ProcessChoice]]  # of each solid, by the process that was asked for


class KeptGeometry:
    """Where one file's geometry is kept from job to job."""

    def __init__(self, cache: ContentCache, key: str) -> None:
        self._cache = cache
        self._key = key

    @classmethod
    def of_payload(cls, payload: dict[str, Any]) -> "KeptGeometry | None":
        """As the sandbox is told by `cache`, with `folder`, `max_bytes` and `key`."""
        told = payload.get("cache")
        if told is None:
            return None
        return cls(ContentCache(Path(told["folder"]), told["max_bytes"]), told["key"])

    def load(self, name: str) -> Geometry | None:
        """What is kept, of a file that its owner calls `name`; None if there is nothing that can be used."""
        content = self._cache.get(self._key)
        if content is None:
            return None
        try:
            geometry: Geometry = pickle.loads(content)
            parts = [replace(part, name=name) for part in geometry.reading.parts]
            return replace(geometry, reading=replace(geometry.reading, name=name, parts=parts))
        except Exception:  # whatever is wrong with it, it can be made again
            log.exception("kept geometry cannot be used", extra={"key": self._key})
            return None

    def store(self, geometry: Geometry) -> None:
        """Keep it, unless it is too large, or something could not be measured this time."""
        if not all(solid.facts.all_measured for solid in geometry.solids):
            return
        # Piece by piece into the file: the memory for a copy may not be there.
        try:
            with self._cache.adding(self._key, MOST_BYTES) as entry:
                pickler = pickle.Pickler(entry, pickle.HIGHEST_PROTOCOL)
                pickler.dispatch_table = {**copyreg.dispatch_table, **_REDUCED}
                pickler.dump(geometry)
        except RecursionError:  # pickle goes deeper than we do into an assembly of assemblies
            log.warning("not kept: it is nested too deeply", extra={"key": self._key})


def geometry_of(
    path: Path, name: str, process: str | None, stages: Stages, kept: KeptGeometry | None = None
) -> Geometry:
    """The geometry of the file at `path`, with the features that a review for `process` looks at; None needs none.

    What came from `kept` has taken no time in its stages, but some in the stage `cache`. Raises PartError if the
    file cannot be read.
    """
    if kept is None:
        return _completed(None, path, name, process, stages)
    with stages.timed("cache"):
        geometry = kept.load(name)
    is_new = not _is_complete(geometry, process)
    geometry = _completed(geometry, path, name, process, stages)
    if is_new:
        with stages.timed("cache"):
            kept.store(geometry)
    return geometry


def _is_complete(geometry: Geometry | None, process: str | None) -> bool:
    return geometry is not None and (process is None or process in geometry.choices)


def _completed(geometry: Geometry | None, path: Path, name: str, process: str | None, stages: Stages) -> Geometry:
    """`geometry` with what it lacks."""
    if geometry is None:
        reading = read_file(path, name, stages.report)
        stages.took(reading.timings_ms)
        geometry = Geometry(reading, [], {})
    else:
        stages.took(dict.fromkeys((*geometry.reading.timings_ms, "facts"), 0.0))
    parts = geometry.reading.parts
    choices: list[ProcessChoice | None] = [None] * len(parts)
    if process is not None:
        if process not in geometry.choices:
            geometry.choices[process] = [choose_process(process, part) for part in parts]
        choices = [*geometry.choices[process]]
        stages.took({"features": 0.0})
    solids: list[Solid | None] = [*geometry.solids] or [None] * len(parts)
    geometry.solids = [_solid(*of_solid, stages) for of_solid in zip(solids, parts, choices, strict=True)]
    return geometry


def _solid(solid: Solid | None, part: Part, choice: ProcessChoice | None, stages: Stages) -> Solid:
    """`solid` with what it lacks. One after the other, as what measuring needs is megabytes a solid."""
    if solid is None:
        with stages.at("facts"):
            solid = Solid(measure_facts(part))
    if choice is not None and (choice.axis is not None) not in solid.features:
        with stages.at("features"):
            solid.features[choice.axis is not None] = _features(part, solid.facts, choice)
    solid.facts.let_go()
    return solid


def _features(part: Part, facts: PartFacts, choice: ProcessChoice) -> list[Feature]:
    return recognise(FaceGraph(part, facts.scene), choice.axis) if part.exact else []


def _fields_of(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a Mesh or a Part
    """Without what it has worked out of them since."""
    return type(value), tuple(getattr(value, of.name) for of in fields(value))


def _of_the_kernel(_probe: KernelWallProbe) -> tuple[Any, ...]:
    """A probe of which nothing can be asked."""
    return object, ()


_REDUCED: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    Mesh: _fields_of,
    Part: _fields_of,
    KernelWallProbe: _of_the_kernel,
}

"""What is read and measured of a file and recognised on it: what neither rules nor limits nor material change.

It is most of the work, so it is kept for the next job on the same bytes, pickled, in the content cache. Pickles are
loaded in sandbox children only, and only such as this very engine made: its digest is in the key.

Not kept is what only measuring needs: the kernel's faces, which nothing asks any more once all facts were measured,
the scene for rays, the samples, and what a mesh can tell of itself faster than it is loaded.
"""

import copyreg
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from workers.analysis import ANALYSES, Analysis
from workers.cad.part import Mesh, Part
from workers.cad.read_file import read_file
from workers.cad.reading import Reading
from workers.cad.wall_probe import KernelWallProbe
from workers.content_cache import ContentCache
from workers.facts.measure import PartFacts, measure_facts
from workers.features.graph import FaceGraph
from workers.process_choice import Candidates, ProcessChoice, choose_process
from workers.stages import Stages

log = logging.getLogger(__name__)

# A part of 10,000 faces takes less. What takes more would drive out the geometry of dozens of others.
MOST_BYTES = 50 * 1024 * 1024


@dataclass
class Solid:
    """What is known of one distinct solid of a file."""

    facts: PartFacts
    analyses: dict[str, Analysis] = field(default_factory=dict)  # by the process that it was looked at for

    def analysis_for(self, choice: ProcessChoice) -> Analysis:
        """That which a review for the chosen process stands on."""
        return self.analyses[choice.looked_at_as]


@dataclass
class Geometry:
    """A file, read, and what is known of its distinct solids, in the order of `reading.parts`."""

    reading: Reading
    solids: list[Solid]
    choices: dict[Candidates, list[ProcessChoice]]  # of each solid, by the processes that it was chosen from


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
    path: Path, name: str, choices: Sequence[Candidates], stages: Stages, kept: KeptGeometry | None = None
) -> Geometry:
    """The geometry of the file at `path`, analysed for the best candidate of each of the `choices` on each solid.

    What came from `kept` has taken no time in its stages, but some in the stage `cache`. Raises PartError if the
    file cannot be read.
    """
    if kept is None:
        return _completed(None, path, name, choices, stages)
    with stages.timed("cache"):
        geometry = kept.load(name)
    is_new = geometry is None or not all(candidates in geometry.choices for candidates in choices)
    geometry = _completed(geometry, path, name, choices, stages)
    if is_new:
        with stages.timed("cache"):
            kept.store(geometry)
    return geometry


def _completed(
    geometry: Geometry | None, path: Path, name: str, choices: Sequence[Candidates], stages: Stages
) -> Geometry:
    """`geometry` with what it lacks."""
    if geometry is None:
        reading = read_file(path, name, stages.report)
        stages.took(reading.timings_ms)
        geometry = Geometry(reading, [], {})
    else:
        stages.took(dict.fromkeys((*geometry.reading.timings_ms, "facts"), 0.0))
    parts = geometry.reading.parts
    lacking = [candidates for candidates in choices if candidates not in geometry.choices]
    chosen: dict[Candidates, list[ProcessChoice]] = {candidates: [] for candidates in lacking}
    solids: list[Solid | None] = [*geometry.solids] or [None] * len(parts)
    geometry.solids = []
    if choices:
        stages.took({"features": 0.0})
    for number, part in enumerate(parts):
        solid = _measured(solids[number], part, stages)
        if lacking:
            with stages.at("features"):
                graph = FaceGraph(part, solid.facts.scene)
                for candidates in lacking:
                    choice = choose_process(candidates, part, solid.facts, graph)
                    _analyse(part, solid, choice, graph)
                    chosen[candidates].append(choice)
        solid.facts.let_go()
        geometry.solids.append(solid)
    geometry.choices |= chosen
    return geometry


def _measured(solid: Solid | None, part: Part, stages: Stages) -> Solid:
    if solid is not None:
        return solid
    with stages.at("facts"):
        return Solid(measure_facts(part))


def _analyse(part: Part, solid: Solid, choice: ProcessChoice, graph: FaceGraph) -> None:
    """Add to `solid` what the chosen process looks at."""
    process = choice.looked_at_as
    if process not in solid.analyses:
        solid.analyses[process] = ANALYSES[process](part, solid.facts, graph, choice.axis)


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

"""`rapiddraft flat-pattern`: a sheet metal part laid flat, as a drawing to cut it from."""

from pathlib import Path
from typing import Annotated

import typer

from rapiddraft.output_file import hand_out
from rapiddraft.sandboxed import end, sandboxed
from server.flat_pattern.pattern import NoFlatPatternError, Pattern, pattern_of
from server.flat_pattern.svg import caption, svg_of
from server.review_options import DEFAULT_LIMITS


def _dxf(pattern: Pattern) -> bytes:
    # Takes longer to import than all of the command line, and the other commands do without.
    from server.flat_pattern.dxf import dxf_of

    return dxf_of(pattern)


_DRAW = {".dxf": _dxf, ".svg": svg_of}


def flat_pattern(
    part: Annotated[Path, typer.Argument(help="Sheet metal part: STEP, IGES or BREP.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .dxf or .svg.")],
    material: Annotated[str | None, typer.Option(help="Material, whose K-factors hold; else 0.44.")] = None,
    body: Annotated[int | None, typer.Option(min=0, help="Number of the body, where the file has several.")] = None,
) -> None:
    """Lay a sheet metal part flat and write the pattern: DXF or SVG, by the name of the file.

    Exit status: 0 written, 2 not.
    """
    draw = _DRAW.get(output.suffix.lower())
    if draw is None:
        end(f"{output.name}: there is no drawing of that kind.", "Name it .dxf or .svg.")
    with sandboxed(part) as in_sandbox:
        review = in_sandbox.review("sheet_metal", DEFAULT_LIMITS, material, None)
    try:
        pattern = pattern_of(review, body)
    except NoFlatPatternError as reason:
        end(f"{part.name}: {reason}", "Ask for the review of the part for what is in the way.")
    hand_out(output, draw(pattern))
    typer.echo(f"{output}: {caption(pattern)}")
    for overlap in pattern["conflicts"]:
        typer.echo(
            f"it overlaps itself: {overlap['area']:.2f} mm² at {overlap['point'][0]:.2f}, {overlap['point'][1]:.2f}"
        )
    for left in pattern["not_unfolded"]:
        typer.echo(f"not unfolded, faces {', '.join(map(str, left['faces']))}: {left['reason']}")

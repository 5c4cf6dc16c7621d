"""What several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from server.review_options import LimitSet, Process

PartFile = Annotated[Path, typer.Argument(help="Part to review: STEP, IGES, BREP; STL, OBJ, 3MF, PLY, GLB as a mesh.")]
OneProcess = Annotated[Process, typer.Option(help="Manufacturing process.")]
Limits = Annotated[LimitSet, typer.Option(help="Set of limits: default, mtk, or a shop's own.")]
StockMaterial = Annotated[str | None, typer.Option(help="Material, such as aluminium-6061-t6; else metal.")]
OwnRules = Annotated[Path | None, typer.Option(help="A shop's own rules: a TOML file, or a folder of them.")]

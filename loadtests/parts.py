"""The parts that are reviewed under load: a folder's, or plates built here where there is none."""

from dataclasses import dataclass
from pathlib import Path

from loadtests.plates import write_plate

SUFFIXES = (".stp", ".step")
SUB_FOLDERS = ("milled", "labelled")
MAIN = "nist_ctc_02.stp"
PLATES = Path("build/plates")
MAIN_CELLS = 8  # 354 faces, half as much for the kernel as nist_ctc_02
MIX_CELLS = (6, 9, 12, 5, 7, 10, 4, 8, 11, 3)
MIX, MIX_FILES = 10, 7
PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared" / "parts"


@dataclass(frozen=True)
class Parts:
    """One that all review at once, ten of different sizes, and a small one."""

    main: Path
    mix: list[Path]
    small: Path


def chosen(folder: Path | None) -> Parts:
    """Of `folder` and its milled/ and labelled/: nist_ctc_02 or the largest, and the seven largest beside three plates.

    Without a folder, the reference parts beside the project, or else plates only. Plates are kept in build/plates.
    """
    folder = folder or (SHARED if SHARED.is_dir() else None)
    files = sorted(_files(folder), key=lambda file: (-file.stat().st_size, file.name)) if folder else []
    mix = files[:MIX_FILES]
    mix += [plate(cells) for cells in MIX_CELLS[: MIX - len(mix)]]
    main = next((file for file in files if file.name == MAIN), files[0] if files else plate(MAIN_CELLS))
    return Parts(main, mix, PROJECT / "samples" / "bracket.step")


def _files(folder: Path) -> list[Path]:
    folders = [each for each in (folder, *(folder / name for name in SUB_FOLDERS)) if each.is_dir()]
    files = [file for each in folders for file in each.iterdir() if file.suffix.lower() in SUFFIXES]
    if not files:
        raise SystemExit(f"There is no .stp or .step file in {folder}.")
    return files


def plate(cells: int) -> Path:
    """A STEP file of a plate with so many cells a side, built if it is not there."""
    path = PROJECT / PLATES / f"plate_{cells}.step"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        write_plate(unfinished, cells)
        unfinished.rename(path)
    return path

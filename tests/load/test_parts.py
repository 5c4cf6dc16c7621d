"""Which parts are reviewed under load."""

from pathlib import Path

import pytest

from loadtests import parts
from loadtests.parts import MAIN, chosen


@pytest.fixture(autouse=True)
def plates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "plate", lambda cells: Path(f"plate_{cells}.step"))


def write(folder: Path, **sizes: int) -> None:
    folder.mkdir(exist_ok=True)
    for name, size in sizes.items():
        (folder / f"{name}.stp").write_bytes(b" " * size)


def names(of: list[Path]) -> list[str]:
    return [path.stem for path in of]


def test_the_largest_are_taken_and_plates_beside_them(tmp_path: Path) -> None:
    write(tmp_path, **{f"part_{size}": size for size in range(1, 10)})
    found = chosen(tmp_path)
    assert names(found.mix) == [f"part_{size}" for size in (9, 8, 7, 6, 5, 4, 3)] + ["plate_6", "plate_9", "plate_12"]
    assert found.main.stem == "part_9"


def test_folders_within_count_and_nist_ctc_02_is_what_all_review(tmp_path: Path) -> None:
    write(tmp_path / "milled", **{MAIN.removesuffix(".stp"): 10, "larger": 20})
    write(tmp_path / "labelled", small=1)
    write(tmp_path / "hostile", bomb=99)
    found = chosen(tmp_path)
    assert found.main == tmp_path / "milled" / MAIN
    assert names(found.mix)[:3] == ["larger", "nist_ctc_02", "small"]
    assert len(set(found.mix)) == 10


def test_there_are_plates_where_there_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SHARED", tmp_path / "none")
    found = chosen(None)
    assert len(set(found.mix)) == 10
    assert found.main.stem == "plate_8"


def test_a_folder_without_parts_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no \.stp or \.step"):
        chosen(tmp_path)

"""Formats other than STEP: exact ones through the kernel, meshes through trimesh; and meshes that mean harm."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from server.part_format import HEAD_BYTES, NotAPartError, PartFormat, format_of
from tests.assemblies import compound
from tests.engine.reviewing import Review, findings, reviewed, substance
from tests.parts import Solid, block, bracket, cylinder, shapes_of
from workers.cad import mesh_file
from workers.cad.binding import module, static
from workers.errors import PartError
from workers.review import review


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def review_of(path: Path) -> Review:
    return review(path, path.name, "cnc_milling", "default")


def refusal(content: bytes, folder: Path) -> PartError:
    with pytest.raises(PartError) as caught:
        review_of(written(folder / "part", content))
    return caught.value


def iges(shape: object, path: Path, unit: str = "MM", *, as_solids: bool) -> Path:
    writer = module("IGESControl").IGESControl_Writer(unit, 1 if as_solids else 0)
    writer.AddShape(shape)
    writer.ComputeModel()
    writer.Write(str(path))
    return path


UNITS = pytest.mark.parametrize(("unit", "name"), [("MM", "MM"), ("INCH", "INCH")])


@UNITS
def test_iges_solids_give_the_findings_of_step(unit: str, name: str, tmp_path: Path) -> None:
    result = review_of(iges(bracket().shape, tmp_path / "part.igs", unit, as_solids=True))
    assert (result["part"]["format"], result["part"]["units_in_file"]) == ("IGES", name)
    assert substance(result) == substance(reviewed(bracket()))
    assert result["notes"] == []


@UNITS
def test_iges_surfaces_are_sewn_and_known_for_what_they_are(unit: str, name: str, tmp_path: Path) -> None:
    result = review_of(iges(bracket().shape, tmp_path / "part.igs", unit, as_solids=False))
    step = reviewed(bracket())
    assert (result["part"]["format"], result["part"]["units_in_file"]) == ("IGES", name)
    assert "54 surfaces close within 0.01 mm and were sewn into a solid." in result["notes"]
    # Written as swept surfaces, each of them.
    assert result["facts"]["faces_by_surface"]["value"] == step["facts"]["faces_by_surface"]["value"]
    assert result["facts"]["volume"]["value"] == pytest.approx(step["facts"]["volume"]["value"], rel=1e-6)
    assert substance(result) == substance(step)


@pytest.mark.parametrize("package", ["BRepTools", "BinTools"])
def test_brep_gives_the_findings_of_step(package: str, tmp_path: Path) -> None:
    path = tmp_path / "whatever.step"
    static(package, package, "Write")(bracket().shape, str(path))
    result = review_of(path)
    assert (result["part"]["format"], result["part"]["units_in_file"]) == ("BREP", "unknown, read as mm")
    assert substance(result) == substance(reviewed(bracket()))


def test_broken_files_of_exact_formats_are_refused(tmp_path: Path) -> None:
    whole = iges(bracket().shape, tmp_path / "part.igs", as_solids=True).read_bytes()
    assert refusal(whole[:800], tmp_path).code in ("unreadable", "no_shape")
    static("BRepTools", "BRepTools", "Write")(bracket().shape, str(tmp_path / "part.brep"))
    assert refusal((tmp_path / "part.brep").read_bytes()[:500], tmp_path).code in ("unreadable", "no_shape", "no_solid")


TUBE = trimesh.creation.annulus(r_min=8.0, r_max=10.0, height=40.0, sections=64)
BOX = trimesh.creation.box(extents=(60.0, 40.0, 20.0))
MESHES = ["stl", "stl_ascii", "obj", "ply", "3mf", "glb"]


def exported(mesh: trimesh.Trimesh, kind: str) -> bytes:
    if kind == "glb":
        mesh = mesh.copy().apply_scale(1e-3)  # GLB is in metres
    out = mesh.export(file_type=kind)
    return out.encode() if isinstance(out, str) else bytes(out)


@pytest.mark.parametrize("kind", MESHES)
def test_every_mesh_format_has_its_volume_area_box_and_walls(kind: str, tmp_path: Path) -> None:
    result = review_of(written(tmp_path / "part.step", exported(TUBE, kind)))
    facts = result["facts"]
    assert result["part"]["format"] == f"{kind.removesuffix('_ascii').upper()} (mesh)"
    assert facts["volume"]["value"] == pytest.approx(TUBE.volume, rel=1e-5)
    assert facts["area"]["value"] == pytest.approx(TUBE.area, rel=1e-5)
    assert facts["bounding_box"]["value"] == pytest.approx([20.0, 20.0, 40.0], rel=1e-5)
    assert facts["wall_thickness"]["value"] == pytest.approx(2.0, abs=0.02)
    assert facts["watertight"]["value"] is True
    assert result["part"]["bodies"] == 1
    assert result["part"]["faces"] == 4  # outside, inside, two ends
    assert "This is a mesh" in result["notes"][0]


@pytest.mark.parametrize(
    ("kind", "units"),
    [("stl", "unknown, read as mm"), ("3mf", "millimeter"), ("glb", "metre"), ("obj", "unknown, read as mm")],
)
def test_the_units_of_a_mesh_are_said(kind: str, units: str, tmp_path: Path) -> None:
    result = review_of(written(tmp_path / "part", exported(BOX, kind)))
    assert result["part"]["units_in_file"] == units
    assert any("no units" in note for note in result["notes"]) == ("unknown" in units)


def test_3mf_in_inches_is_converted(tmp_path: Path) -> None:
    box = BOX.copy()
    box.units = "inch"
    content = exported(box, "3mf")
    result = review_of(written(tmp_path / "part", rewritten_3mf(content, b'unit="millimeter"', b'unit="inch"')))
    assert result["facts"]["bounding_box"]["value"] == pytest.approx([60 * 25.4, 40 * 25.4, 20 * 25.4])


def test_rules_that_need_surfaces_are_undecided_on_a_mesh(tmp_path: Path) -> None:
    thin = trimesh.creation.box(extents=(60.0, 40.0, 0.4))
    result = review_of(written(tmp_path / "part", exported(thin, "stl")))
    (wall,) = findings(result, "wall-thin")
    assert wall["measured"]["value"] == pytest.approx(0.4, abs=1e-3)
    undecided = {row["rule"]: row["lacks"] for row in result["undecided"]}
    assert "export as STEP" in undecided["hole-depth"]
    assert "export as STEP" in undecided["corner-radius"]
    assert not {"wall-thin", "part-size"} & set(undecided)
    assert result["features"] == []
    assert result["facts"]["smallest_internal_radius"]["state"] == "not_applicable"


def test_a_mesh_with_a_hole_in_it_has_no_volume(tmp_path: Path) -> None:
    hollow = trimesh.Trimesh(TUBE.vertices, TUBE.faces[:-2], process=False)
    result = review_of(written(tmp_path / "part", exported(hollow, "stl")))
    facts = result["facts"]
    assert facts["watertight"]["value"] is False
    for name in ("volume", "centre_of_mass", "inertia", "removal_ratio"):
        assert (facts[name]["value"], facts[name]["state"]) == (None, "unknown")
    assert facts["area"]["value"] == pytest.approx(hollow.area, rel=1e-5)
    assert facts["wall_thickness"]["value"] == pytest.approx(2.0, abs=0.02)
    assert any("not watertight (4 open edges" in note for note in result["notes"])
    assert "watertight" in {row["rule"]: row["lacks"] for row in result["undecided"]}["stock-removal"]


def test_what_is_wrong_with_a_mesh_is_said(tmp_path: Path) -> None:
    box = trimesh.creation.box(extents=(10.0, 10.0, 10.0))

    def told(by: tuple[float, float, float]) -> str:
        pair = trimesh.util.concatenate([box, box.copy().apply_translation(by)])
        return " ".join(review_of(written(tmp_path / "part", exported(pair, "stl")))["notes"])

    assert "pieces of it cross or touch each other" in told((4.0, 3.0, 2.0))
    assert "pieces of it cross or touch each other" not in told((14.0, 0.0, 0.0))
    assert "1 edges have more than two triangles, the first near [5.0, 5.0, 0.0]" in told((10.0, 10.0, 0.0))
    inside = trimesh.creation.box(extents=(9.0, 9.0, 9.0))
    refused = refusal(exported(trimesh.util.concatenate([box, inside]), "stl"), tmp_path)
    assert refused.detail == "The mesh encloses 1729 mm³, more than its box of 1000 mm³."


def test_a_mesh_turned_inside_out_is_turned_back(tmp_path: Path) -> None:
    inverted = TUBE.copy()
    inverted.invert()
    result = review_of(written(tmp_path / "part", exported(inverted, "stl")))
    assert result["facts"]["volume"]["value"] == pytest.approx(TUBE.volume, rel=1e-5)
    assert any("looked inwards" in note for note in result["notes"])


def test_a_hollow_and_several_bodies_are_told_apart(tmp_path: Path) -> None:
    void = trimesh.creation.box(extents=(10.0, 10.0, 10.0))
    void.invert()
    other = BOX.copy().apply_translation((200.0, 0.0, 0.0))
    result = review_of(written(tmp_path / "part", exported(trimesh.util.concatenate([BOX, void, other]), "ply")))
    assert result["part"]["bodies"] == 2
    assert result["facts"]["volume"]["value"] == pytest.approx(2 * 48_000 - 1000)


def test_a_mesh_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    moved = TUBE.copy().apply_transform(trimesh.transformations.rotation_matrix(0.7, (1.0, 2.0, 3.0), (50.0, 0.0, 9.0)))
    here, there = (review_of(written(tmp_path / "part", exported(mesh, "ply"))) for mesh in (TUBE, moved))
    assert here["part"]["faces"] == there["part"]["faces"]
    assert there["facts"]["wall_thickness"]["value"] == pytest.approx(
        here["facts"]["wall_thickness"]["value"], abs=0.02
    )


def stl(triangles: np.ndarray) -> bytes:
    """A binary STL of (n, 3, 3) corners."""
    rows = b"".join(struct.pack("<12fH", 0.0, 0.0, 0.0, *triangle.ravel(), 0) for triangle in triangles)
    return b"made by a test".ljust(80) + struct.pack("<I", len(triangles)) + rows


CORNER = np.array([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"solid nothing\nendsolid nothing\n", "no_triangles"),
        (b"solid broken\nfacet normal 0 0 1\nouter loop\nvertex 0 0\n", "no_triangles"),
        (stl(np.concatenate([CORNER, CORNER * np.nan])), "not_finite"),
        (stl(CORNER * 0.0), "no_triangles"),
        (stl(CORNER * 9e6), "size_not_sane"),
        (stl(np.concatenate([CORNER, CORNER]))[:-20], "unreadable"),
        (stl(CORNER).replace(b"\1\0\0\0", b"\xff\xff\xff\x7f", 1), "unreadable"),
        (b"# nothing here\no part\nv 0 0 0\nv 1 0 0\n", "no_triangles"),
        (b"v 1 2 3\nf 1 2 99\n", "unreadable"),
        (b"ply\nformat ascii 1.0\nelement vertex 999999999\nproperty float x\nend_header\n", "unreadable"),
        (b"glTF" + struct.pack("<II", 2, 4_000_000_000), "unreadable"),
    ],
)
def test_degenerate_meshes_get_a_plain_reason(content: bytes, code: str, tmp_path: Path) -> None:
    refused = refusal(content, tmp_path)
    assert refused.code == code, refused
    assert refused.advice


def test_too_many_triangles_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_file, "MOST_TRIANGLES", 11)
    monkeypatch.setattr(trimesh, "load_scene", None)
    assert refusal(exported(BOX, "stl"), tmp_path).code == "too_many_triangles"
    monkeypatch.undo()
    monkeypatch.setattr(mesh_file, "MOST_TRIANGLES", 11)
    assert refusal(exported(BOX, "glb"), tmp_path).code == "too_many_triangles"


def rewritten_3mf(content: bytes, old: bytes, new: bytes, extra: dict[str, bytes] | None = None) -> bytes:
    """A 3MF archive with something replaced in its model, and entries added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename.lower().endswith("3dmodel.model"):
                assert old in data
                data = data.replace(old, new, 1)
            after.writestr(entry.filename, data)
        for name, data in (extra or {}).items():
            after.writestr(name, data)
    return buffer.getvalue()


def with_doctype(doctype: bytes) -> Callable[[bytes], bytes]:
    return lambda content: rewritten_3mf(content, b"<model", doctype + b"<model")


LAUGHS = b'<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 100 + b'"><!ENTITY c "' + b"&b;" * 100 + b'">]>'


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (with_doctype(LAUGHS), "unsafe_xml"),
        (with_doctype(b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "unsafe_xml"),
        (with_doctype(b'<!DOCTYPE m SYSTEM "http://127.0.0.1:1/evil.dtd">'), "unsafe_xml"),
        (lambda c: rewritten_3mf(c, b"<model", b"<model", {"bomb": bytes(200_000_000)}), "too_much_inside"),
        (lambda c: rewritten_3mf(c, b"<model", b"<model", {f"{i}": b"" for i in range(1500)}), "too_much_inside"),
        (lambda c: rewritten_3mf(c, b"<model", b"<mod<el"), "unreadable"),
        (lambda c: rewritten_3mf(c, b'unit="millimeter"', b'unit="cubit"'), "unknown_unit"),
        (lambda c: c[: len(c) // 2], "unreadable"),
    ],
)
def test_3mf_tricks_end_in_a_plain_reason(make: Callable[[bytes], bytes], code: str, tmp_path: Path) -> None:
    refused = refusal(make(exported(BOX, "3mf")), tmp_path)
    assert refused.code == code, refused


def test_a_3mf_writes_nothing_and_reads_nothing_else(tmp_path: Path) -> None:
    content = rewritten_3mf(exported(BOX, "3mf"), b"<model", b"<model", {"../../escaped": b"x", "/tmp/escaped": b"x"})
    before = sorted(tmp_path.rglob("*"))
    result = review_of(written(tmp_path / "part", content))
    assert result["facts"]["volume"]["value"] == pytest.approx(48_000)
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "part"]
    assert not Path("/tmp/escaped").exists()


def test_a_glb_cannot_name_other_files(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(1000))
    content = exported(BOX, "glb")
    length = struct.unpack("<I", content[12:16])[0]
    header = content[20 : 20 + length].replace(b'"buffers":[{', b'"buffers":[{"uri":"data.bin",')
    header = header.ljust(len(header) + (-len(header)) % 4)
    rest = content[20 + length :]
    outside = b"glTF" + struct.pack("<II", 2, 20 + len(header)) + struct.pack("<I", len(header)) + b"JSON" + header
    assert refusal(outside, tmp_path).code == "unreadable"
    assert rest


@pytest.mark.parametrize("kind", MESHES)
def test_the_format_of_a_mesh_is_told_from_its_content(kind: str) -> None:
    assert format_of(exported(TUBE, kind)[:HEAD_BYTES]) == PartFormat(kind.removesuffix("_ascii"))


def test_a_binary_stl_that_begins_with_solid_is_read(tmp_path: Path) -> None:
    content = b"solid but binary".ljust(80) + exported(BOX, "stl")[80:]
    assert review_of(written(tmp_path / "part", content))["facts"]["volume"]["value"] == pytest.approx(48_000)


def test_what_is_no_part_is_refused_by_the_engine_too(tmp_path: Path) -> None:
    with pytest.raises(NotAPartError, match="PDF"):
        format_of(b"%PDF-1.7")
    refused = refusal(b"%PDF-1.7\n", tmp_path)
    assert refused.code == "not_step"
    assert "a PDF document" in refused.detail


def test_an_iges_of_surfaces_that_do_not_close_is_refused(tmp_path: Path) -> None:
    faces = shapes_of(cylinder(20.0, 30.0, (0.0, 0.0, 0.0)).shape, "FACE")[:2]
    path = iges(Solid(compound(*faces)).shape, tmp_path / "open.igs", as_solids=False)
    with pytest.raises(PartError, match="2 faces enclose no volume"):
        review_of(path)


def test_iges_of_two_solids_has_two_bodies(tmp_path: Path) -> None:
    two = compound(block(10.0, 10.0, 10.0).shape, block(5.0, 5.0, 5.0, (40.0, 0.0, 0.0)).shape)
    result = review_of(iges(two, tmp_path / "two.igs", as_solids=False))
    assert result["part"]["bodies"] == 2
    assert result["facts"]["volume"]["value"] == pytest.approx(1125.0)

"""Tell the format of a part from its first bytes, and a part from everything that people upload by mistake."""

import math
import re
import struct
from enum import StrEnum

# Enough for a long comment before the header, and for the tar magic at 257.
HEAD_BYTES = 4096


class PartFormat(StrEnum):
    """A format that parts are read from."""

    STEP = "step"
    IGES = "iges"
    BREP = "brep"
    STL = "stl"
    OBJ = "obj"
    THREEMF = "3mf"
    PLY = "ply"
    GLB = "glb"


MESHES = (PartFormat.STL, PartFormat.OBJ, PartFormat.THREEMF, PartFormat.PLY, PartFormat.GLB)


EXPORT_STEP = "Export the part as STEP (ISO 10303-21: AP203, AP214 or AP242) and upload that."


class NotAPartError(Exception):
    """A file is in none of the formats; the text says what it looks like instead."""


_BLANKS_AND_COMMENTS = re.compile(rb"(?:\s|/\*.*?\*/)*", re.DOTALL)
_STEP_HEADER = re.compile(rb"ISO-10303-21\s*;")
_UTF8_MARK = b"\xef\xbb\xbf"

_FORMATS = (
    (b"glTF", PartFormat.GLB),
    (b"ply\n", PartFormat.PLY),
    (b"ply\r\n", PartFormat.PLY),
    (b"DBRep_DrawableShape", PartFormat.BREP),
    (b"CASCADE Topology", PartFormat.BREP),
    (b"\nCASCADE Topology", PartFormat.BREP),
    (b"\nOpen CASCADE Topology", PartFormat.BREP),
    (b"Open CASCADE Topology", PartFormat.BREP),
)
_MAGIC = (
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip archive (unpack it and upload the .step file inside)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it and upload the .step file inside)"),
    (b"Rar!", "a RAR archive (unpack it and upload the .step file inside)"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"\xff\xfe", "UTF-16 text (save the STEP file as plain ASCII)"),
    (b"\xfe\xff", "UTF-16 text (save the STEP file as plain ASCII)"),
    (b"\xd0\xcf\x11\xe0", "an OLE document (a native SolidWorks or Office file; export it as STEP)"),
    (b"\x89HDF", "an HDF5 file (ISO 10303-26; export it as ISO 10303-21 text)"),
    (b"**ABCDEFGHIJKLMNOPQRSTUVWXYZ", "a Parasolid file (export it as STEP)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
)
_TEXT = (
    (re.compile(rb"\d{0,6} (?:BODY|ACIS)|\d{3,5} \d+ \d+ \d+\s"), "an ACIS SAT file (export it as STEP)"),
    (re.compile(rb"<!doctype html|<html", re.IGNORECASE), "an HTML page (the download may have failed)"),
    (re.compile(rb"<\?xml|<[a-z]", re.IGNORECASE), "an XML document"),
    (re.compile(rb"[\[{]\s*(?:[\"\[{}\]]|$)"), "a JSON document"),
    (re.compile(rb"0\s+SECTION\s", re.IGNORECASE), "a DXF drawing"),
    (re.compile(rb"ISO-10303-\d+", re.IGNORECASE), "an ISO 10303 file without the line ISO-10303-21;"),
)
_IGES_START = re.compile(rb"[^\r\n]{72}S {0,6}\d{1,7}")
_STL_START = re.compile(rb"\s*solid\b", re.IGNORECASE)
_OBJ_START = re.compile(rb"(?:#[^\n]*\n|\s)*(?:mtllib|usemtl|[vogsf]|v[nt]) ", re.IGNORECASE)
_ZIP = b"PK\x03\x04"
_ZIP_ENTRY = re.compile(rb"PK\x03\x04.{22}(.{2}).{2}", re.DOTALL)
_OFFICE_FOLDERS = ("word/", "xl/", "ppt/")


def format_of(head: bytes) -> PartFormat:
    """The format of a file with these first HEAD_BYTES. Raises NotAPartError, saying what it looks like."""
    text = head.removeprefix(_UTF8_MARK)
    start = _after_blanks_and_comments(text)
    if _STEP_HEADER.match(start):
        return PartFormat.STEP
    if start.startswith(b"/*") and len(head) >= HEAD_BYTES:
        return PartFormat.STEP  # a comment longer than what we look at: the reader will tell
    for magic, found in _FORMATS:
        if head.startswith(magic):
            return found
    if head.startswith(_ZIP) and _is_3mf(head):
        return PartFormat.THREEMF
    if _IGES_START.match(head):
        return PartFormat.IGES
    if _is_binary(head):
        if not _is_utf16(head) and _is_binary_stl(head):
            return PartFormat.STL
    elif _STL_START.match(text):
        return PartFormat.STL
    elif _OBJ_START.match(text):
        return PartFormat.OBJ
    raise NotAPartError(_what_else(head, text))


def _what_else(head: bytes, text: bytes) -> str:
    if not head:
        return "an empty file"
    if head.startswith(_ZIP):
        return "a zip archive (unpack it and upload the .step file inside)"
    for magic, seen in _MAGIC:
        if head.startswith(magic):
            return seen
    if head[257:262] == b"ustar":
        return "a tar archive (unpack it and upload the .step file inside)"
    if _is_binary(head):
        return "UTF-16 text (save the STEP file as plain ASCII)" if _is_utf16(head) else "binary data"
    if not text.strip():
        return "nothing but white space"
    for pattern, seen in _TEXT:
        if pattern.match(text.lstrip()):
            return seen
    return "text that does not begin with ISO-10303-21;"


def _after_blanks_and_comments(text: bytes) -> bytes:
    blanks = _BLANKS_AND_COMMENTS.match(text)
    return text[blanks.end() :] if blanks else text


def _is_binary(head: bytes) -> bool:
    return b"\0" in head or sum(byte < 9 or 13 < byte < 32 for byte in head) > len(head) // 20


def _is_utf16(head: bytes) -> bool:
    return len(head) >= 2 and head[1::2].count(0) > len(head) // 4 and head[::2].count(0) == 0


def _is_binary_stl(head: bytes) -> bool:
    """80 bytes of header, the number of triangles, and a first triangle of a normal and three corners."""
    if len(head) < 134 or int.from_bytes(head[80:84], "little") == 0:
        return False
    numbers = [abs(number) for number in struct.unpack("<12f", head[84:132])]
    # Bytes that mean something else are mostly far from any length as numbers; rounding leaves next to nothing.
    likely = sum(number == 0 or 1e-9 < number < 1e7 for number in numbers)
    return all(map(math.isfinite, numbers)) and max(numbers[:3]) < 1.01 and likely > len(numbers) // 2


def _is_3mf(head: bytes) -> bool:
    """A zip whose first entries are those of an Open Packaging document, other than those of an office suite."""
    entries = [(entry.end(), int.from_bytes(entry[1], "little")) for entry in _ZIP_ENTRY.finditer(head)]
    names = [head[start : start + length].decode("latin-1") for start, length in entries]
    if any(name.lower().startswith("3d/") for name in names):
        return True
    return names[0] in ("[Content_Types].xml", "_rels/.rels") and not any(n.startswith(_OFFICE_FOLDERS) for n in names)

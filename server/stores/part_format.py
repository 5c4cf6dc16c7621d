"""Tell a STEP file from everything that people upload by mistake, by its first bytes."""

import re

# Enough for a long comment before the header, and for the tar magic at 257.
HEAD_BYTES = 4096

_BLANKS_AND_COMMENTS = re.compile(rb"(?:\s|/\*.*?\*/)*", re.DOTALL)
_STEP_HEADER = re.compile(rb"ISO-10303-21\s*;")
_UTF8_MARK = b"\xef\xbb\xbf"

_MAGIC = (
    (b"PK\x03\x04", "a zip archive (unpack it and upload the .step file inside)"),
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
    (b"glTF", "a glTF mesh"),
    (b"ply\n", "a PLY mesh"),
    (b"DBRep_DrawableShape", "an OpenCascade BREP file (export it as STEP)"),
    (b"CASCADE Topology", "an OpenCascade BREP file (export it as STEP)"),
    (b"**ABCDEFGHIJKLMNOPQRSTUVWXYZ", "a Parasolid file (export it as STEP)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
)
_TEXT = (
    (re.compile(rb"solid\b", re.IGNORECASE), "an ASCII STL mesh (a mesh has no exact faces; export STEP)"),
    (re.compile(rb"\d{0,6} (?:BODY|ACIS)|\d{3,5} \d+ \d+ \d+\s"), "an ACIS SAT file (export it as STEP)"),
    (re.compile(rb"<!doctype html|<html", re.IGNORECASE), "an HTML page (the download may have failed)"),
    (re.compile(rb"<\?xml|<[a-z]", re.IGNORECASE), "an XML document"),
    (re.compile(rb"[\[{]\s*(?:[\"\[{}\]]|$)"), "a JSON document"),
    (
        re.compile(rb"(?:#[^\n]*\n|\s)*(?:mtllib|usemtl|[vogsf]|v[nt]) ", re.IGNORECASE),
        "a Wavefront OBJ mesh",
    ),
    (re.compile(rb"0\s+SECTION\s", re.IGNORECASE), "a DXF drawing"),
    (re.compile(rb"ISO-10303-\d+", re.IGNORECASE), "an ISO 10303 file without the line ISO-10303-21;"),
)
_IGES_START = re.compile(rb"[^\r\n]{72}S {0,6}\d{1,7}")


def what_instead_of_step(head: bytes) -> str | None:
    """What a file with these first HEAD_BYTES looks like, in words; None if it is a STEP file."""
    text = head.removeprefix(_UTF8_MARK)
    start = _after_blanks_and_comments(text)
    if _STEP_HEADER.match(start):
        return None
    if start.startswith(b"/*") and len(head) >= HEAD_BYTES:
        return None  # a comment longer than what we look at: the reader will tell
    if not head:
        return "an empty file"
    for magic, seen in _MAGIC:
        if head.startswith(magic):
            return seen
    if head[257:262] == b"ustar":
        return "a tar archive (unpack it and upload the .step file inside)"
    if _IGES_START.match(head):
        return "an IGES file (export it as STEP)"
    if _is_binary(head):
        return _binary(head)
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


def _binary(head: bytes) -> str:
    if len(head) >= 2 and head[1::2].count(0) > len(head) // 4 and head[::2].count(0) == 0:
        return "UTF-16 text (save the STEP file as plain ASCII)"
    # 80 bytes of header, then the number of triangles of 50 bytes each, the last two of which are 0.
    if len(head) >= 134 and int.from_bytes(head[80:84], "little") > 0 and head[132:134] == b"\0\0":
        return "a binary STL mesh (a mesh has no exact faces; export STEP)"
    return "binary data"

"""The file of a backup: a tar, gzipped if its name ends so, whose last member is a manifest of all the others.

The manifest comes last because what it says is known last, and because an archive without it is not whole. It is
framed as every document is, with a checksum of its own.
"""

import gzip
import hashlib
import io
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from pydantic import BaseModel, Field

from rapiddraft import __version__
from server._atomic_json import encode_json, fsync_folder
from server.clock import now
from server.stores.documents import Kind, unframed
from server.stores.errors import DamagedDocumentError, NewerDocumentError

MANIFEST = "manifest.json"
GZIP_SUFFIXES = (".gz", ".tgz")

_PRIVATE = 0o600
_GZIP_MAGIC = b"\x1f\x8b"
# A STEP file shrinks to a quarter with the fastest level already; the slowest saves a tenth more in ten times the time.
_GZIP_LEVEL = 1
_PIECE_BYTES = 1024 * 1024
# No name of ours begins with a dot or has a character that means something to a shell or a path.
_PART_OF_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_MOST_PARTS = 6


class ArchiveError(Exception):
    """An archive is not what a backup writes; the text says why."""


class ArchivedFile(BaseModel):
    """What a file must be when it comes out again."""

    size: int = Field(description="In bytes.")
    sha256: str


class Manifest(BaseModel):
    """What an archive holds, when and by which version it was made."""

    made_at: datetime
    rapiddraft: str = Field(description="Version that made the backup.")
    files: dict[str, ArchivedFile]


MANIFEST_KIND = Kind("backup", Manifest)


def is_name(name: str) -> bool:
    """Whether a file may have this name in an archive: relative, inside, without anything odd."""
    parts = name.split("/")
    return len(parts) <= _MOST_PARTS and all(_PART_OF_NAME.fullmatch(part) for part in parts)


class ArchiveWriter:
    """An archive that is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        self._manifest = Manifest(made_at=now(), rapiddraft=__version__, files={})

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        """Add the next `size` bytes of `file` under `name`. Raises OSError, also where there are fewer."""
        reader = _Hashing(file)
        self._tar.addfile(self._header(name, size), cast(IO[bytes], reader))
        self._manifest.files[name] = ArchivedFile(size=size, sha256=reader.sha256.hexdigest())

    def finish(self) -> Manifest:
        """Add the manifest and the end of the tar."""
        content = encode_json(MANIFEST_KIND.of(self._manifest, 1).framed())
        self._tar.addfile(self._header(MANIFEST, len(content)), io.BytesIO(content))
        self._tar.close()
        return self._manifest

    def _header(self, name: str, size: int) -> tarfile.TarInfo:
        header = tarfile.TarInfo(name)
        header.size, header.mode, header.mtime = size, _PRIVATE, int(self._manifest.made_at.timestamp())
        return header


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """An archive to be written, readable by its owner only. After the block it is whole, durable, and has its name.

    Raises FileExistsError, and OSError where the disk refuses; then, and when the block raises, nothing is left.
    """
    if path.exists():
        raise FileExistsError(17, "exists; name another file", str(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
            with _compressing(file, path.name.endswith(GZIP_SUFFIXES)) as stream:
                writer = ArchiveWriter(stream)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _compressing(file: BinaryIO, compressed: bool) -> Iterator[BinaryIO]:
    if not compressed:
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=file) as stream:
        yield cast(BinaryIO, stream)


def read_archive(path: Path, folders: frozenset[str], take: Callable[[str, IO[bytes]], None]) -> Manifest:
    """Hand each file of an archive to `take`, and hold all of them against the manifest in the end.

    Only files in `folders` are known. Raises ArchiveError for what is damaged, truncated or no backup, and OSError.
    What was taken before is then worth nothing.
    """
    taken: dict[str, ArchivedFile] = {}
    manifest = None
    with path.open("rb") as file, _errors_explained(path, taken), _decompressing(file) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if manifest is not None:
                    raise ArchiveError(f"{path} is damaged: {member.name!r} comes after the manifest.")
                content = _content_of(tar, member, path)
                if member.name == MANIFEST:
                    manifest = _manifest(path, content.read())
                    continue
                _check_name(path, member.name, folders, taken)
                reader = _Hashing(content)
                take(member.name, cast(IO[bytes], reader))
                reader.drain()
                taken[member.name] = ArchivedFile(size=member.size, sha256=reader.sha256.hexdigest())
        # The checksum of a gzip is behind its last byte.
        while stream.read(_PIECE_BYTES):
            continue
    if manifest is None:
        raise ArchiveError(f"{path} is truncated: it ends without its manifest.")
    _compare(path, manifest, taken)
    return manifest


@contextmanager
def _decompressing(file: BinaryIO) -> Iterator[BinaryIO]:
    magic = file.read(len(_GZIP_MAGIC))
    file.seek(0)
    with closing(gzip.GzipFile(fileobj=file) if magic == _GZIP_MAGIC else file) as stream:
        yield cast(BinaryIO, stream)


@contextmanager
def _errors_explained(path: Path, taken: dict[str, ArchivedFile]) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise ArchiveError(f"{path} is truncated: {error}.") from error
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile) as error:
        what = "is damaged or truncated" if taken else "is not a backup of RapidDraft"
        raise ArchiveError(f"{path} {what}: {error}.") from error


def _content_of(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> IO[bytes]:
    content = tar.extractfile(member) if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
    if content is None:
        raise ArchiveError(f"{path} is not a backup of RapidDraft: {member.name!r} is not a plain file.")
    return content


def _check_name(path: Path, name: str, folders: frozenset[str], taken: dict[str, ArchivedFile]) -> None:
    top, _, rest = name.partition("/")
    if not is_name(name) or top not in folders or not rest:
        raise ArchiveError(f"{path} is not a backup of RapidDraft: no backup has a file {name!r}.")
    if name in taken:
        raise ArchiveError(f"{path} is damaged: {name!r} is in it twice.")


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        stored = unframed(MANIFEST, content, MANIFEST_KIND.name)
        return MANIFEST_KIND.understand(Path(MANIFEST), stored).content
    except DamagedDocumentError as error:
        raise ArchiveError(f"{path} is damaged: its manifest: {error.reason}.") from error
    except NewerDocumentError as error:
        raise ArchiveError(f"{path} cannot be read by this version: {error}") from error


def _compare(path: Path, manifest: Manifest, taken: dict[str, ArchivedFile]) -> None:
    if missing := sorted(manifest.files.keys() - taken.keys()):
        raise ArchiveError(f"{path} is damaged: {len(missing)} files are missing, {missing[0]} among them.")
    if extra := sorted(taken.keys() - manifest.files.keys()):
        raise ArchiveError(f"{path} is damaged: its manifest does not have {extra[0]}.")
    for name, file in manifest.files.items():
        if taken[name] != file:
            raise ArchiveError(f"{path} is damaged: {name} is not what was written.")


class _Hashing:
    """A file whose bytes are hashed while they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.sha256.update(content)
        return content

    def drain(self) -> None:
        """Read what is left."""
        while self.read(_PIECE_BYTES):
            continue

"""What the disk has left, and what the queue and the cache take of it."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, Field

from server.data_folder import DataFolder


class DiskState(BaseModel):
    """The file system of the data folder, in bytes."""

    size_bytes: int
    free_bytes: int
    queue_bytes: int = Field(description="The queue's file; 0 if it is elsewhere.")
    queue_wal_bytes: int = Field(description="The queue's write-ahead log.")


class CacheState(BaseModel):
    """What is kept to be used again."""

    entries: int
    bytes: int
    most_bytes: int


def disk_of(data: DataFolder) -> DiskState:
    """Raises OSError."""
    usage = shutil.disk_usage(data.root)
    return DiskState(
        size_bytes=usage.total,
        free_bytes=usage.free,
        queue_bytes=_size(data.queue),
        queue_wal_bytes=_size(data.queue.with_name(f"{data.queue.name}-wal")),
    )


def cache_of(data: DataFolder, cache_mb: int) -> CacheState:
    """One `stat` for each entry, of which the cache's own bound allows some thousands. Raises OSError."""
    sizes = []
    with suppress(FileNotFoundError), os.scandir(data.cache) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another process makes room
                sizes.append(entry.stat().st_size)
    return CacheState(entries=len(sizes), bytes=sum(sizes), most_bytes=cache_mb * 1024 * 1024)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0

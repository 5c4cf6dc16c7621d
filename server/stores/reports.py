"""Reports of reviews as files. They can be made again from the run, so they are kept in the cache."""

from pathlib import Path

from server.data_folder import DataFolder
from workers.content_cache import ContentCache


class Reports:
    """The reports in one data folder, by run and file name."""

    def __init__(self, data: DataFolder, cache_mb: int) -> None:
        """`cache_mb` bounds the cache, in MiB; with 0 none is kept."""
        self._cache = ContentCache(data.cache, cache_mb * 1024 * 1024)

    def put(self, model_id: str, run_id: str, folder: Path) -> None:
        """Keep the files in `folder`. A disk that refuses is logged, not raised."""
        for path in sorted(folder.iterdir()):
            self._cache.put(_key(model_id, run_id, path.name), path.read_bytes())

    def get(self, model_id: str, run_id: str, name: str) -> bytes | None:
        """One file, or None if it is not there, or no more."""
        return self._cache.get(_key(model_id, run_id, name))


def _key(model_id: str, run_id: str, name: str) -> str:
    return f"{model_id}-{run_id}-{name}"

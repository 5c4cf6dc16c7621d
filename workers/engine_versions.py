"""What the engine is made of, as its documents say."""

from functools import lru_cache
from importlib.metadata import version

from workers.cad.binding import kernel_name_and_version


@lru_cache
def engine_versions() -> dict[str, str]:
    """`version` of the engine, `kernel` and `kernel_version`; looked up once, as that takes milliseconds."""
    kernel, kernel_version = kernel_name_and_version()
    return {"version": version("rapiddraft"), "kernel": kernel, "kernel_version": kernel_version}

"""The LD_PRELOAD shims, compiled when they are first needed."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent


def compiled(name: str, folder: Path) -> Path:
    """The shim `name`.c as a shared library in `folder`; skips the test where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (gcc or cc) to build the shim with")
    library = folder / f"{name}.so"
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(SOURCES / f"{name}.c")], check=True)
    return library

"""Files that a command hands out: whole, or not at all."""

import os
import tempfile
from pathlib import Path

from rapiddraft.sandboxed import end

_MODE = 0o644


def hand_out(output: Path, content: bytes) -> None:
    """Write `content` to `output`; ends the program with a plain reason if it cannot, and leaves what was there."""
    half = None
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
            half = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.chmod(_MODE)
        half.replace(output)
    except OSError as error:
        end(f"{output}: {error.strerror}.", "Name a file that can be written.")
    finally:
        if half is not None:
            half.unlink(missing_ok=True)

"""What a downloaded file is called."""

import re
from urllib.parse import quote


def named_after(part: str, ending: str) -> str:
    """The parameters of Content-Disposition (RFC 6266) that name a file after a part: its name without the suffix, and
    `ending`. Any name of a part is made safe.
    """
    stem = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', "_", part.rpartition(".")[0] or part).strip(". ")[:100] or "part"
    plain = re.sub(r"[^A-Za-z0-9 ._-]+", "_", stem)
    return f"filename=\"{plain}{ending}\"; filename*=UTF-8''{quote(stem, safe='')}{ending}"

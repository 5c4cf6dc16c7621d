"""What a review can be asked for; the one place that lists it."""

from typing import Literal

Process = Literal["cnc_milling"]
LimitSet = Literal["default", "mtk"]

DEFAULT_PROCESS: Process = "cnc_milling"
DEFAULT_LIMITS: LimitSet = "default"

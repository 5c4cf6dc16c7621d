"""The clocks a queue counts with, and why there are two.

A lease must run out after so many seconds whatever an operator or NTP does to the time of day, so it is
counted on CLOCK_BOOTTIME: nobody can set it, it goes on during suspend, and all processes of the machine
share it. It starts again with the machine, so the queue file remembers which boot its leases belong to.
A delay is a promise about the time of day (Dramatiq compares `eta` with it), so it is counted on that.
"""

import time
from pathlib import Path


class Clock:
    """Whole milliseconds since the machine started and since 1970, and the id of this boot."""

    def since_boot(self) -> int:
        """Milliseconds on CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def time_of_day(self) -> int:
        """Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def boot_id(self) -> str:
        """An id that changes with every start of the machine."""
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

"""What holds for all tests."""

import os

from hypothesis import settings

# Tests count jobs: only those of warming up ask for it. Set before any settings are read.
os.environ.setdefault("RAPIDDRAFT_WARM_PART_FACTS", "false")

# The same examples on every run: a test that fails by luck tells nothing of the change that it is run for.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

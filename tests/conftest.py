"""What holds for all tests."""

import os

# Tests count jobs: only those of warming up ask for it. Set before any settings are read.
os.environ.setdefault("RAPIDDRAFT_WARM_PART_FACTS", "false")

"""The rows of the load test: each measures one thing on a running stack, and returns what it found."""

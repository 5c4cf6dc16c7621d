"""Load tests and benchmarks. Each prints its table; none asserts a time."""

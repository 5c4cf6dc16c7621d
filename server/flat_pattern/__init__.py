"""A review's flat pattern as drawings: pure functions of its JSON, without the engine."""

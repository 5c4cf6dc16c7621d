"""Rules: data files with limits and sources, evaluated on measured quantities."""

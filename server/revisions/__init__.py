"""Two versions of a part held against each other, by what their reviews say. Knows no HTTP, no store and no engine."""

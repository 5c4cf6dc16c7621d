"""What `rapiddraft doctor` looks at: each check says how things stand in one line, and what to do about it."""

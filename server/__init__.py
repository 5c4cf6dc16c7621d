"""The HTTP API and what it persists. Never imports the CAD kernel."""

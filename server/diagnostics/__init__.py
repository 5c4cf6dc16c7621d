"""What the service can tell of itself: for /api/status, and for /metrics at each scrape."""

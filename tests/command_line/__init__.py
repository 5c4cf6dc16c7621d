"""Tests of the command `rapiddraft`."""

"""Dramatiq's own test suite against FileBroker: `make conformance`."""

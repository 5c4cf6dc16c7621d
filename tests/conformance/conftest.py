"""Dramatiq's tests of its middleware are not in its source distribution; ours use the same fixtures."""

from .fixtures import *  # noqa: F403

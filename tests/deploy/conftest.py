"""A folder for the data of a stack."""

from tests.stack.conftest import data

__all__ = ["data"]

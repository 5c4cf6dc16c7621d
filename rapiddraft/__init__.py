"""RapidDraft: manufacturability review of CAD parts. This package holds the command line."""

from importlib.metadata import version

__version__ = version("rapiddraft")

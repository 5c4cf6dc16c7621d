"""Tests of the DFM engine on parts of known size."""

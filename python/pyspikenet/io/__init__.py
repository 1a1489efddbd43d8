"""Recordings in the forms that others write, one file per form. Read ``read.py`` first."""

from .neo import to_neo
from .read import read_recording

__all__ = ["read_recording", "to_neo"]

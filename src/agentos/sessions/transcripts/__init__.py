"""Transcripts: what happened in sessions, kept in the store."""

from agentos.sessions.transcripts.record import SessionRecord
from agentos.sessions.transcripts.transcripts import Transcripts

__all__ = ["SessionRecord", "Transcripts"]

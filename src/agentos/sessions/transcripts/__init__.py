"""Transcripts: what happened in sessions, kept in the store."""

from agentos.sessions.transcripts.transcripts import SessionRecord, Transcripts

__all__ = ["SessionRecord", "Transcripts"]

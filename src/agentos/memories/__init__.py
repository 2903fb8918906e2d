"""Memories: what agents are to know, reviewed by the user and kept in the AgentOS home."""

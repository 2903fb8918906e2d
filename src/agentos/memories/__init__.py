"""Memories: what agents are to know, reviewed by the user and kept in the AgentOS home.

`reading` and `writing` know their files, `index` their MEMORY.md. `section` and `files` are what
clients get. `written_by` reads what clients wrote themselves, `inbox` keeps that for review, and
`duplicates` says what in it is the same.
"""

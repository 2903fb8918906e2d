"""The native driver of Codex: its app-server's own protocol, without an adapter."""

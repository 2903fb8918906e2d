"""`agentos mcp`: MCP on stdin and stdout for clients, HTTP to the hub behind it.

The bridge passes messages on without knowing what they mean, so it serves every version of the
protocol that the hub does, and starts at once: it imports neither the MCP SDK nor FastAPI.
"""

"""The hub's MCP endpoint: its tools, its resources, and how they are served over HTTP."""

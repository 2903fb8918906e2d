"""The hub: one authenticated loopback server that every agent and editor connects to.

`app` puts it together from its parts, behind the guard of `auth`; `lifecycle` is the process, and
`service` has it started at login. Clients come in by `mcp`, or through `bridge`, which they start
themselves; sessions in machines through `access` and `in_machine`. What the tools do is in `files`,
`git` and `actions`, and in `agentos.portfolio`. `telemetry` remembers all of it.
"""

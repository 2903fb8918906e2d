"""The hub's MCP endpoint.

`endpoint` takes a request over HTTP and gives it to `server`, by the official SDK. `admission` lets
it through for its `caller`; `catalog` says what each tool is and needs, and `tools` has their
functions, on the `services` that they are given: those of this host (`host_services`). `resources`
are the portfolio's pages, `changes` tells of them. `part` makes all of it a part of the hub, and
`offline` does without one.
"""

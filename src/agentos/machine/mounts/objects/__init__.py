"""Objects of an S3-compatible store, shown in a machine as files.

`source` says what is mounted, `store` speaks with the server, `keys` decides which keys can be
paths. `cache` keeps contents between machines; `tree` is the directory that one machine has, and
`changes` and `sync` bring to the store what the machine changed in it.
"""

"""Objects of an S3-compatible store, shown in a machine as files.

`source` says what is mounted, `store` speaks with the server, and `faults` explains what goes
wrong. A machine has its files in a `tree`: `filling` brings the objects there, through a `cache`
that all machines share; `changes` finds what the machine did to them, and `sync` sends it.
`collect` removes what nobody needs any more.
"""

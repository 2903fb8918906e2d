"""The file tools: list, read, search, write and replace, confined to directories.

`files.Files` has the verbs. What they work on is a `tree.Tree`: directories of this host, opened
by descriptors that cannot leave them (`host`), or the files of a machine (`machine`).
"""

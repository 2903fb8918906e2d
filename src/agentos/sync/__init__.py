"""Sync: one source in the user's AgentOS home, deployed into each client's own files.

`source -> clients -> desired -> planning (draft, merge, formats) -> plan -> apply`: all is pure but
the last step, which `run` puts together with the `store` of what was applied, and `target`, where
the files are.
"""

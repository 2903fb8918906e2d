"""Sync: one source in the user's AgentOS home, deployed into each client's own files.

`sources -> desired state -> plan -> apply`; all is pure but the last step.
"""

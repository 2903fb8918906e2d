"""Memories over REST, for their owner: `answers` has the models, `shelf` what is there now.

`reading` and `inbox` are the routes; `part` adds them to the hub.
"""

"""What the hub was asked: recorded, kept, shown, counted and traced.

`telemetry.py` records: `event.py` says what an event is, `redaction.py` what of it may be kept.
`log.py` is its place in the store, `tail.py` the end of it for those who follow live. `counts.py`
and `metrics.py` count, `tracing.py` and `spans.py` send traces. `routes.py` answers over HTTP, and
`part.py` makes all of it a part of the hub.
"""

"""Usage over REST: `asked` reads what a request selects, `answers` has the models of what is told.

`sums`, `calls` and `budgets` are the routes; `part` adds them to the hub, and keeps the ledger up
to date while it runs.
"""

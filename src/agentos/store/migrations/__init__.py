"""The history of the schema, for Alembic."""

#: The newest of `versions/`; a test keeps it true.
HEAD = "0007"

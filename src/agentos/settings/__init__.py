"""`agentos.toml`: one document of several areas, each of which declares its tables.

`file` is where it is, `document` checks the whole, `model_tables` and `hub_tables` say what their
areas hold, `areas` lists them, `places` knows the line of each key, `editing` changes one value.
"""

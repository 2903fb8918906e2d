"""`agentos top`: what agents do and what it costs, in a terminal, as it happens.

`command.py` is the command. `picture.py` says what can be seen; it comes from a `source.py`: the
hub (`from_hub.py`), or the store while no hub runs (`from_store.py`). `watch.py` keeps a picture
current through lost connections and restarts. `app.py` draws it, with a module for each view in
`views/`, and `snapshot.py` prints it once for scripts.
"""

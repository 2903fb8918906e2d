"""Who may ask the hub for what: tokens, and the guard before every route."""

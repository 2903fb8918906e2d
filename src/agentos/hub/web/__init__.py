"""The dashboard: its built files, the sign-in of browsers, and what its settings page shows."""

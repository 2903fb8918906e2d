"""What `agentos top` shows: one module for each view, and the table and dialogs they share."""

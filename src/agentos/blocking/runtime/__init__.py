"""What the generated classes stand on: an event loop in a thread, and ways to and from it."""

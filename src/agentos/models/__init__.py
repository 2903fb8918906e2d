"""Model providers: what an agent's model calls are sent to."""

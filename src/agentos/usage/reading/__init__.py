"""Read what clients write down about their calls. Nothing here knows of the store."""

"""Skills: who gets which, and who used them."""

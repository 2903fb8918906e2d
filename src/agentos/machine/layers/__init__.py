"""What a machine's root file system is made of."""

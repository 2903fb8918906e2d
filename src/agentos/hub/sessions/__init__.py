"""Sessions and machines that the hub owns: they begin by a request and end with the hub."""

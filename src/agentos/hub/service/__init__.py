"""The hub as a service of the user's: started at login by the system's own manager."""

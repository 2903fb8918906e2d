"""Machines that the hub owns, and terminals in them."""

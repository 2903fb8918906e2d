"""What a machine does at set times, for as long as it lives."""

"""Images with a root of their own: imported, or built of a distribution's packages."""

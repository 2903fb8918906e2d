"""The examination of this host: `findings` makes it, `rest` offers it over HTTP."""

"""REST: thin routes over the parts of the library, a module or package for each."""

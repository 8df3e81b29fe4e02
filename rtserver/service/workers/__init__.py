"""Several processes behind one address: a supervisor that accepts, and workers that serve."""

"""Redis between the servers of a cluster: connections, formats, and the manager that applications name."""

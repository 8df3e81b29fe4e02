"""Commands beside ``serve``: tools for those who develop against a service, or operate it."""

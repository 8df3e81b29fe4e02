"""Who may use the admin UI of a service: the table `[admin]` of the config file."""

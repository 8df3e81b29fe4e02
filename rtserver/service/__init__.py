"""What turns the library into a service: configuration, command line, logs."""

"""What passes between the service and the systemd that has started it; without one, nothing."""

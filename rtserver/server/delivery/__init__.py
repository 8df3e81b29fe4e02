"""What makes delivery survive a dropped connection."""

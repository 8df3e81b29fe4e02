"""Measure rtserver against the servers it competes with; see README.md beside this file."""

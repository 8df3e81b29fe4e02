"""A load test of a service that runs: what ``rtserver bench`` does."""

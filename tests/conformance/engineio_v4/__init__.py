"""Engine.IO v4, as its protocol document says."""

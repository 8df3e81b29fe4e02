"""Engine.IO v4 and v3, without I/O."""

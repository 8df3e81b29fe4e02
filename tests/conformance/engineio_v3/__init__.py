"""Engine.IO v3, byte for byte, over a socket."""

"""Training engine parts."""

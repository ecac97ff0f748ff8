"""Training speed against other projects, and by number of processes."""

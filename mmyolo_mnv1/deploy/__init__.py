"""Taking a trained detector elsewhere."""

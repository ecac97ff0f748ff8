"""One command from labelled photos to a detector: data, config, training, export."""

"""Analysis: cost of models, accuracy of exported files, contents of data sets."""

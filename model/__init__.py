"""Labels, text preparation, the base encoder and the classifier."""

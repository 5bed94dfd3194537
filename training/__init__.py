"""Train, calibrate and evaluate the classifier."""

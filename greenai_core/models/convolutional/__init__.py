"""Plain and residual convolutional networks."""

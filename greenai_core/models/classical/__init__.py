"""Models of scikit-learn, which are no networks."""

"""Many weights, few different values, and files coded accordingly."""

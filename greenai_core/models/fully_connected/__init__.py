"""Networks of linear layers."""

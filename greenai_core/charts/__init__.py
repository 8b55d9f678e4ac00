"""From tables and records to plotly figures."""

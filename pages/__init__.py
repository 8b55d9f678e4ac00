"""The pages of the dashboard: they show and ask, and leave every decision to greenai_core."""

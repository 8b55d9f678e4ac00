"""Questions asked of stored records."""

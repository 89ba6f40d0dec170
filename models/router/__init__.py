"""Routes requests in a process of the user's: by a policy, else by the user's fallback."""

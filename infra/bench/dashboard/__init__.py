"""Dashboard benchmark: what the page of all tasks costs a gateway, and how soon it is there."""

"""The whole system on the dashboard: its workers, groups and servers, and what has happened."""

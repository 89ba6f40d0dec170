"""Single requests on the dashboard: try one, ask why one was deferred, look through the deferred ones."""

"""Files that users bring and take away: traces, requests, vectors, reports."""

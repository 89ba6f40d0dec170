"""The files that people bring and take away: traces, call logs, reports."""

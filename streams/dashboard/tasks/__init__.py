"""Tasks on the dashboard: all in a table, or one with what its audits prove, and its traffic."""

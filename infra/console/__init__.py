"""Output, progress, tables and groups of options that commands share."""

"""What commands share in front of a person: output, progress, tables, groups of options."""

"""Interface for notebooks: fits from data in any form, and results that show themselves."""

"""Chat completions of apps: which of them ask for one label, and answers in the form that is asked for."""

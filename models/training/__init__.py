"""Training: from traces to fitted stages and the graph of a policy: folds, sweep, pool, cascade, export."""

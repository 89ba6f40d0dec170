"""From traces to stages that answer and to the graph of a policy: folds, sweep, pool, cascade, export."""

"""From traces to stages that answer: folds, sweep, pool, cascade, and the account of what was tried."""

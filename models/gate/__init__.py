"""What may be answered: thresholds that pass a test, the frontier of targets, and each label's account."""

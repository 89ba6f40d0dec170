"""Certify: folds audits into certificates and alarms. Pure, but for reading topics again."""

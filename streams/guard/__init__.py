"""Guard of the answers: certify says that it counts audits, and what answers looks whether it does."""

"""What the certify role is made of: what messages say of audits, what is kept of it, and what follows."""

"""How often a teacher contradicts itself, and what that means for those who are to agree with it."""

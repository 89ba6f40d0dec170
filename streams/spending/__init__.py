"""What the teacher's calls cost, and which limits on them are reached. It computes, and opens nothing."""

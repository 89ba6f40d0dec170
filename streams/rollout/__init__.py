"""What follows when the teacher's answers speak for or against a version."""

"""The budget of all workers together: admits calls of the teacher, and adds up what was spent and saved."""

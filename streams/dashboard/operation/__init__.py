"""What an operator does on the dashboard: changes of a task, what they would bring, and dead letters."""

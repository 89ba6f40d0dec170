"""Gateway: answers over HTTP by the decision code of the route role, or waits for the teacher's label."""

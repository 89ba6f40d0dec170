"""What travels: messages, their JSON, and the names of topics and Redis keys. Imports nothing of ours."""

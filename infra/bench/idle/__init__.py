"""What each role costs while nothing happens."""

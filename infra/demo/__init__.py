"""Demo: simulated customers and a simulated teacher for the real system, and a scoreboard to watch."""

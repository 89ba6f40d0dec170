"""The commands of `understudy`, a file for each group. They compose; what they compose lives elsewhere."""

"""The small planner that reads a prompt against described sources."""

"""The planner that writes its plan token by token."""

"""``ai-transport demo --web``: a chat page, an agent and a local server in one process."""

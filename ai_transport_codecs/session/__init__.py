"""Sessions: what an agent and its clients do on a channel."""

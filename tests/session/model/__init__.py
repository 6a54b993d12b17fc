"""A model of a conversation, and the random scenarios compared with it: see ``tests/session/test_model.py``."""

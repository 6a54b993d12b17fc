"""The command line ``ai-transport``."""

"""LangGraph graphs that remember: their threads, and the questions at which they stop."""

"""Workflows that ask people: what is kept while they wait, and how they go on."""

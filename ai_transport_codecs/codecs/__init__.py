"""Codecs, one package per framework; each imports its framework only in itself."""

"""Channels: the Protocol that sessions use, and the engines that satisfy it."""

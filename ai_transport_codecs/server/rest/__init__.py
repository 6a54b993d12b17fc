"""Ably's REST interface, as far as a chat needs it: requests in, replies out, no sockets (Ably protocol 7)."""

"""Golden wire vectors: recorded behaviour of the reference implementation, replayed against this one.

Run a folder of them with ``python -m ai_transport_codecs.testing.vectors DIR``.
"""

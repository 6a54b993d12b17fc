"""The conformance kit for codecs: the laws, what they are tried on, and the ways to run them.

:class:`~.suite.CodecConformance` runs them in pytest, ``ai-transport check`` on the command line, and
:func:`~.running.run_laws` in any program. Only the first needs pytest.
"""

"""The ``demo`` command: a chain's answers on two devices, over a channel that lives in this process."""

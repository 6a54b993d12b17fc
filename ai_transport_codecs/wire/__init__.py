"""The wire: message names, header keys, message values and JSON text. Standard library only, no I/O."""

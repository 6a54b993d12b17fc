"""The codec contract and the machinery to write codecs from tables. Standard library only, no I/O, no waiting."""

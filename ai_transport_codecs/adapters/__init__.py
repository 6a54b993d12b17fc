"""Ways in from other frameworks: web servers and agent runtimes. Each needs the extra of its name."""

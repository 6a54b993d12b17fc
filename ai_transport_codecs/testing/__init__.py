"""For authors and users: tools to prove a codec, a channel or a session right. Nothing else imports it."""

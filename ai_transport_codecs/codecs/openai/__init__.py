"""The codecs of OpenAI's two streaming APIs: ``openai-chat`` (chat completions) and ``openai-responses``."""

"""The engine of synthesis: it drives a generator's plan against a language model, and pays each request once.

`keys` and `dialects` say what is sent, `outcomes` what an answer means (both without a database); `store` claims
requests and writes answers, `writer` does so in a thread beside the event loop; `client` sends; `engine` is the loop.
"""

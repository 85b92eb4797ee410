"""The REST API of tasks, examples, annotations and reviews. Other apps add their routers (`selection.api`)."""

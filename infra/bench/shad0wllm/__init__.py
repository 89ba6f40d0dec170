"""shad0wllm (PyPI), a table of hashed n-grams, as a second reference for learning from traces."""

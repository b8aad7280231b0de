"""What `make fuzz` throws at the two places that parse what a stranger sends.

Each target is a module with a `check(data)` that raises for whatever should not be. Atheris
makes the data up; `tests/corpus/` keeps what reached something new, and test_corpus.py
checks that again.
"""

"""The targets of `make fuzz`: the two places that parse what a stranger sends.

Each target is a module with a `check(data)` that raises if something is wrong. Atheris
invents the data. `tests/corpus/` keeps the inputs that reached new code, and test_corpus.py
checks them again.
"""

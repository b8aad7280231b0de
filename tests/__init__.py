"""The tests; what is in support/ says what its assertions compare, as those of a test do."""

import pytest

pytest.register_assert_rewrite("tests.support")

import pytest

pytest.register_assert_rewrite("tests.posting")  # so that its assertions tell what they compared

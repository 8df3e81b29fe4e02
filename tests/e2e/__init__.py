import pytest

pytest.register_assert_rewrite("tests.e2e.harness.either")  # a comparison that fails shows what differs

"""A finished run that commands look at."""

from tests.run.conftest import trained_run as trained_run

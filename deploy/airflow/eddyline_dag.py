"""Eddyline every night, for Airflow 2.7 and later, and 3.

The worker needs the program and its configuration, at the two places below. The exit code decides: what may pass is
tried again, what needs a person fails at once. Airflow's dates are not passed on: Eddyline knows what is new, and a
missed night is loaded by the next one.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cached_property

try:  # Airflow 3
    from airflow.sdk import DAG, BaseOperator
except ImportError:
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.dag import DAG

try:  # Airflow 3, later versions
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowFailException

try:  # Airflow 3, or 2 with the provider `standard`
    from airflow.providers.standard.hooks.subprocess import SubprocessHook
except ImportError:
    from airflow.hooks.subprocess import SubprocessHook

PROGRAM = "/usr/local/bin/eddyline"
CONFIG = "/etc/eddyline/eddyline.toml"

# Exit codes after which a second try would end the same way.
NEEDS_A_PERSON = {
    2: "the command line or the configuration is wrong",
    3: "credentials or permission",
    6: "done, but files are quarantined or records rejected",
    7: "a check failed",
}
# All others are tried again, among them: 1 failed, 4 the store cannot be reached, 5 another writer won, 130 and 143
# stopped. A BashOperator cannot tell them apart, hence an operator of our own.


class EddylineOperator(BaseOperator):
    """Runs one Eddyline command; its output goes to the task's log."""

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments

    @cached_property
    def process(self) -> SubprocessHook:
        return SubprocessHook()

    def execute(self, context):
        code = self.process.run_command([PROGRAM, "--config", CONFIG, *self.arguments]).exit_code
        if code in NEEDS_A_PERSON:
            raise AirflowFailException(f"eddyline ended with {code}: {NEEDS_A_PERSON[code]}")
        if code != 0:
            raise RuntimeError(f"eddyline ended with {code}")

    def on_kill(self):
        # Ends a pass after the file in hand; the next one goes on there.
        self.process.send_sigterm()


with DAG(
    dag_id="eddyline",
    description="Loads the Braze Currents export into the warehouse",
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # one pass loads whatever was missed
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=12),
    },
    tags=["braze"],
) as dag:
    load = EddylineOperator(task_id="load", arguments=["load"])
    check = EddylineOperator(task_id="check", arguments=["status", "--check"])
    load >> check

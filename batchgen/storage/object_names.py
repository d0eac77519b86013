"""Where things lie in the bucket. Names come from users and models, so every part is checked."""

from __future__ import annotations

import re

from batchgen.errors import UnsafeObjectName

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")


def safe(name: str) -> str:
    """Return a relative object name unchanged, or raise UnsafeObjectName: it must not leave its prefix."""
    if len(name) > 700 or not all(_PART.fullmatch(part) for part in name.split("/")):  # noqa: PLR2004 - S3 takes 1,024 bytes a key
        raise UnsafeObjectName(name)
    return name


def public_key(data_type: str, batch_id: str, object_name: str) -> str:
    """Key of what readers see: batch/<data_type>/<batch_id>/<object_name>."""
    return f"batch/{safe(data_type)}/{safe(batch_id)}/{safe(object_name)}"


def records_key(batch_id: str) -> str:
    """Key of the records a batch was made from, one a line."""
    return f"state/{safe(batch_id)}/records.jsonl"


def material_key(batch_id: str) -> str:
    """Key of what the data type needs to judge the answers, beside the records."""
    return f"state/{safe(batch_id)}/material"


def manifest_key(batch_id: str) -> str:
    """Key of everything that is needed to know the batch again without Redis."""
    return f"state/{safe(batch_id)}/manifest.json"


def analysis_input_key(name: str, ending: str) -> str:
    """Key of a file that was analysed at once; `ending` with its dot."""
    return f"state/analyses/{safe(name)}/input{ending if ending in {'.csv', '.tsv'} else '.csv'}"


def job_key(installation: str, job_id: str) -> str:
    """Key of a job, written once everything of it is stored; `installation` is the Redis prefix."""
    return f"{jobs_prefix(installation)}{safe(job_id)}.json"


def jobs_prefix(installation: str) -> str:
    """What the keys of an installation's jobs begin with."""
    return f"state/jobs/{safe(installation)}/"


def call_key(installation: str, name: str) -> str:
    """Key of what a call outside of batches cost; `name` is unique to the call."""
    return f"{calls_prefix(installation)}{safe(name)}.json"


def calls_prefix(installation: str) -> str:
    """What the keys of an installation's calls begin with."""
    return f"state/calls/{safe(installation)}/"


def requests_key(batch_id: str, iteration: int) -> str:
    """Key of the batch file of an iteration."""
    return f"state/{safe(batch_id)}/{iteration}/requests.jsonl"


def siblings_key(batch_id: str, iteration: int) -> str:
    """Key of which results of the job's other batches an iteration was held against."""
    return f"state/{safe(batch_id)}/{iteration}/siblings.json"


def output_key(batch_id: str, iteration: int) -> str:
    """Key of OpenAI's raw output of an iteration."""
    return f"state/{safe(batch_id)}/{iteration}/output.jsonl"


def errors_key(batch_id: str, iteration: int) -> str:
    """Key of OpenAI's raw error lines of an iteration."""
    return f"state/{safe(batch_id)}/{iteration}/errors.jsonl"


def results_key(batch_id: str, ledger: str) -> str:
    """Key of all results accepted up to a point; `ledger` names the point, for example 1/processed."""
    return f"state/{safe(batch_id)}/{safe(ledger)}/results.jsonl"


def ledger_key(batch_id: str, ledger: str) -> str:
    """Key of the ledger at a point: every record with a history."""
    return f"state/{safe(batch_id)}/{safe(ledger)}/ledger.jsonl"

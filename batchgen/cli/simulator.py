"""`batchgen simulator`: the OpenAI-compatible server alone, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from batchgen.cli.connections import load_settings


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="Port on this machine; 0 takes a free one.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where it keeps files and batches.")
@click.option(
    "--batch-seconds", type=click.FloatRange(min=0), default=0.0, show_default=True, help="How long one takes."
)
def simulator(*, port: int, data_dir: Path | None, batch_seconds: float) -> int:
    """Run the simulator until it is stopped."""
    from batchgen.simulator.__main__ import main  # noqa: PLC0415 - the server's libraries load only for this command

    folder = data_dir or load_settings().state_dir / "simulator"
    return main(["--port", str(port), "--batch-seconds", str(batch_seconds), "--data-dir", str(folder)])

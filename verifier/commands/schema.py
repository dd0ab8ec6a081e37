"""verifier schema: the JSON Schema of shape files, or of the JSON report."""

import click


@click.command(epilog="Example: verifier schema > shape.schema.json")
@click.option("--report", is_flag=True, help="Print the schema of the JSON report instead.")
def schema(report: bool) -> int:
    """Print the JSON Schema of shape files, for editors; or of the JSON report, for programs that read it."""
    import json

    from verifier.reports.json import schema as report_schema
    from verifier.specfile import json_schema

    click.echo(json.dumps(report_schema() if report else json_schema(), indent=2, ensure_ascii=False))
    return 0

"""verifier schema: the JSON Schema of shape files."""

import click


@click.command(epilog="Example: verifier schema > shape.schema.json")
def schema() -> int:
    """Print the JSON Schema of shape files, for editors."""
    import json

    from verifier.specfile import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0

"""``initgen spec``."""

import sys
from pathlib import PurePath
from typing import Any

import click

from initgen.cli import options, put

_KINDS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


@click.command("spec", short_help="Derive a spec from a file, or check specs.")
@click.argument("files", metavar="[FILE]…", nargs=-1, type=options.PATH)
@click.option("--preset", type=options.PRESET, help="Rules for the schemes; without FILE, print them.")
@click.option("--rule", "rules", multiple=True, metavar="PATTERN=SCHEME", help="Like '*.bias=zeros'; first match wins.")
@click.option(
    "--output", "-o", type=options.PATH, help="The spec to make, .toml, .yaml or .json; by default it is printed."
)
@click.option("--format", "kind", type=click.Choice(["toml", "yaml", "json"]), help="In place of what the suffix says.")
@click.option("--force", "-f", is_flag=True, help="Replace a file that is there.")
@click.option("--check", is_flag=True, help="Say of each FILE whether it is a sound spec.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of specs, for editors.")
def command(files: tuple[str, ...], **given: Any) -> int:
    """Derive an editable spec from a weight file, a Keras model or a config of Hugging Face.

    \b
    initgen spec model.safetensors > model.toml
    initgen spec checkpoint/ --preset llama -o model.toml
    initgen spec model.keras > model.toml
    initgen spec made.safetensors | initgen sample - -o again.safetensors
    initgen spec --check *.toml

    From initgen's own files it is their recipe, which makes the same bytes again. From others it has names, shapes and
    dtypes, and the schemes that --preset and --rule give.
    """
    if given["schema"]:
        from initgen.specs.json_schema import json_schema

        put(json_schema() + "\n")
        return 0
    if given["check"]:
        return _check(files)
    if not files and given["preset"]:
        from initgen.specs.model import preset_document

        put(preset_document(given["preset"]).text)
        return 0
    if len(files) != 1:
        raise click.UsageError(f"one FILE is wanted, not {len(files)}" if files else "missing argument FILE")
    from initgen.specs.derive import derive, dumps

    tree = derive(files[0], preset=given["preset"], rules=given["rules"])
    output = given["output"]
    kind = given["kind"] or _KINDS.get(PurePath(output or "").suffix.lower(), "toml")
    text = dumps(tree, kind)
    if output is None or output == "-":
        put(text)
    else:
        from initgen.engine.output import write_text

        write_text(output, text, force=given["force"])
    if not any("scheme" in entry for entry in tree["tensors"].values()):
        print("its tensors have no schemes yet: add rules, or a preset; --preset NAME does it here", file=sys.stderr)
    return 0


def _check(files: tuple[str, ...]) -> int:
    from initgen.engine.draw import Tensor
    from initgen.specs.describe import check

    if not files:
        raise click.UsageError("missing argument FILE")

    def sound(path: str) -> str:
        specs, rules = check(path)
        Tensor.all_of(specs)  # whose dtypes have to hold their laws
        counted = f"{len(specs)} tensor{'s' * (len(specs) != 1)}" if specs else "no tensors"
        return f"{path}: {counted}" + ("" if specs else f", {rules} rule{'s' * (rules != 1)}")

    answers, code = options.each(files, sound)
    for answer in answers:
        print(answer)
    return code

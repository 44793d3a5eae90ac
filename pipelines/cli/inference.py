"""``ae list``, ``encode``, ``reconstruct``, ``generate`` and ``export``: options and examples.

Each command is implemented in the module of its name, imported when the command is called.
"""

from pathlib import Path
from typing import Annotated

import typer

USE = "Use a trained variant"
app = typer.Typer()

Variant = Annotated[str, typer.Argument(help="A trained variant; `ae list` shows them.")]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(help="Image files, folders of them and .npy arrays; of texts .txt, .jsonl, "
                        ".csv, .tsv files and folders of .txt."),
]  # fmt: skip
Texts = Annotated[list[str] | None, typer.Option("--text", help="A text itself; may be repeated.")]
Skip = Annotated[bool, typer.Option("--skip", help="Leave out what cannot be read, and say so.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Unverified = Annotated[
    bool, typer.Option("--unverified", help="Take files that are not what dvc.lock records.")
]


@app.command("list", rich_help_panel=USE)
def list_(json: Json = False) -> None:
    """List the variants: data, code size, whether trained and evaluated, key test figures.

    Example: ae list --json
    """
    from pipelines.cli import list as variants

    variants.show(as_json=json)


@app.command(rich_help_panel=USE)
def encode(
    variant: Variant,
    inputs: Inputs = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .parquet, .csv or .npy file.")
    ] = None,
    text: Texts = None,
    skip: Skip = False,
    json: Json = False,
    unverified: Unverified = False,
) -> None:
    """Turn images or texts into codes: a row for each, with what it was made from.

    Pictures of any format and size are scaled and cut to the variant's size,
    arrays must have it already. A .npy file of codes has the rows alone.

    Example: ae encode deep-30 digit.png scans/ images.npy -o codes.parquet

    Example: ae encode text-128 notes.jsonl -o codes.csv

    Example: ae encode text-128 --text "crude oil opec" --json
    """
    from pipelines.cli import encode
    from pipelines.cli.request import Request

    encode.encode(Request(variant, inputs or [], text or [], skip, not unverified), output, json)


@app.command(rich_help_panel=USE)
def reconstruct(
    variant: Variant,
    inputs: Inputs = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder for pictures, or a .png page of pairs; of "
                                            "texts a .json file."),
    ] = None,
    text: Texts = None,
    skip: Skip = False,
    json: Json = False,
    unverified: Unverified = False,
) -> None:  # fmt: skip
    """Show what comes back from the codes: images, a document's likeliest words, or its text.

    Example: ae reconstruct deep-30 scans/ -o pairs.png

    Example: ae reconstruct deep-30 scans/ -o folder/

    Example: ae reconstruct text-128 --text "crude oil opec"
    """
    from pipelines.cli import reconstruct
    from pipelines.cli.request import Request

    asked = Request(variant, inputs or [], text or [], skip, not unverified)
    reconstruct.reconstruct(asked, output, json)


@app.command(rich_help_panel=USE)
def generate(
    variant: Variant,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png file.")],
    grid: Annotated[int, typer.Option(help="Images in a row and in a column.", min=2)] = 20,
    box: Annotated[float, typer.Option(help="The plane from -BOX to BOX in both numbers.")] = 2.0,
    codes: Annotated[
        Path | None, typer.Option(help="Decode these instead: a file that `ae encode` wrote.")
    ] = None,
    unverified: Unverified = False,
) -> None:
    """Draw what the decoder makes of codes: an even grid of two numbers, or any codes of a file.

    Example: ae generate deep-2-l2 --grid 20 --box 2 -o grid.png

    Example: ae generate deep-30 --codes codes.parquet -o decoded.png
    """
    from pipelines.cli import generate

    how = generate.GenerateOptions(grid, box, codes)
    generate.generate(variant, how, output, verify=not unverified)


@app.command(rich_help_panel=USE)
def classify(
    classifier: Annotated[str, typer.Argument(help="A trained classifier.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Image files, folders of them and .npy arrays.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Which of its runs, instead of that with the most labels.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .csv or .parquet file of all probabilities."),
    ] = None,
    skip: Skip = False,
    json: Json = False,
    unverified: Unverified = False,
) -> None:
    """Say which class each image has, and how likely.

    Example: ae classify classifier-dn digit.png scans/

    Example: ae classify classifier-dn images.npy --run random-100-0 -o classes.csv
    """
    from pipelines.cli import classify
    from pipelines.cli.request import Request

    asked = Request(classifier, inputs or [], [], skip, not unverified)
    classify.classify(asked, run, output, as_json=json)


@app.command(rich_help_panel=USE)
def export(
    variant: Variant,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    json: Json = False,
    unverified: Unverified = False,
) -> None:
    """Write encoder and decoder as ONNX, and compare both with torch on the test examples.

    Example: ae export deep-30 -o onnx/deep-30
    """
    from pipelines.cli import export

    export.export(variant, output, as_json=json, verify=not unverified)

"""The JSON Schemas of run.json and status.json, for other tools: `python -m rnnlab.store.schemas` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rnnlab.store.record import RunRecord
from rnnlab.store.status import SweepStatus

SCHEMAS: dict[str, type[BaseModel]] = {"run.schema.json": RunRecord, "status.schema.json": SweepStatus}
"""The files in this folder, and what each is made from."""


def schema_of(name: str) -> dict[str, Any]:
    """Give one of the schemas, by its file's name."""
    title = name.replace(".schema", "")
    schema = SCHEMAS[name].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def schema_text(name: str) -> str:
    """Give the content of a file."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path = Path(__file__).parent) -> None:
    """Write the files."""
    for name in SCHEMAS:
        (folder / name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas()

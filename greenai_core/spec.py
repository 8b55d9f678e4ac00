"""What to run: the frozen input of one run, its JSON form and its identity."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, ValidationError, model_validator

from greenai_core.errors import BadInput
from greenai_core.registry import FunctionEntry, canonical, parse
from greenai_core.techniques._base import Technique, check_order

MAX_JSON_BYTES = 1_000_000
"""A spec is a page of text; anything larger was meant for something else."""

Dataset = Annotated[SerializeAsAny[FunctionEntry], BeforeValidator(partial(parse, "datasets"))]
Model = Annotated[SerializeAsAny[FunctionEntry], BeforeValidator(partial(parse, "models"))]
Stage = Annotated[SerializeAsAny[Technique], BeforeValidator(partial(parse, "techniques"))]


class Frozen(BaseModel):
    """A frozen type that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Device = Literal["cpu", "cuda", "mps"]
"""What trains; inference is always timed on the processor."""


class Measurement(Frozen):
    """How a run is measured; not part of what it is, so it does not enter `spec_id`."""

    profile: Literal["quick", "full", "none"] = Field("quick", description="quick: short windows; full: as in the bank")
    device: Device = Field("cpu", description="where training runs")
    threads: int | None = Field(
        None, ge=1, le=1024, description="threads of training; null: every core this process may use"
    )
    throughput_batch: int = Field(256, ge=1, le=65536, description="batch size at which throughput is measured")


class Teacher(Frozen):
    """A spec inside a spec: data set and seed are those of the run unless stated."""

    dataset: Dataset | None = None
    model: Model
    recipe: tuple[Stage, ...]
    seed: int | None = Field(None, ge=0, le=2**31)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_order(self.recipe, self.model.facts)
        return self

    def within(self, spec: Spec) -> Spec:
        """Return the complete spec of this teacher in the run of `spec`."""
        return Spec(
            dataset=self.dataset or spec.dataset,
            model=self.model,
            recipe=self.recipe,
            seed=spec.seed if self.seed is None else self.seed,
            measurement=spec.measurement,
        )


class Spec(Frozen):
    """One run: a data set, a model, the stages that make it good or small, and a seed."""

    schema_version: Literal[1] = 1
    dataset: Dataset
    model: Model
    recipe: tuple[Stage, ...]
    seed: int = Field(0, ge=0, le=2**31)
    measurement: Measurement = Measurement()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_order(self.recipe, self.model.facts)
        return self

    @property
    def spec_id(self) -> str:
        """Hash of the canonical JSON: defaults filled in, keys sorted, `measurement` left out; 16 hex digits.

        Fields that came later are left out while they have their default (`greenai_core.registry.Entry.later`).
        """
        return digest(canonical(self, exclude={"measurement"}))

    def to_json(self) -> str:
        """Write every field, defaults included."""
        return json.dumps(self.model_dump(mode="json"), indent=2)


def digest(value: Any) -> str:
    """Return 16 hex digits that identify a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check(value: Any) -> Spec:
    """Check a decoded JSON value and build the spec.

    Raises:
        BadInput: it is refused; the sentence starts with the path of the field (``recipe.1.sparsity: ...``).
    """
    if not isinstance(value, dict):
        raise BadInput(f"spec: a JSON object is expected, not {type(value).__name__}.")
    try:
        return Spec.model_validate(value)
    except ValidationError as error:
        raise BadInput(sentence(error)) from None


def read_json(source: Path | bytes) -> Any:
    """Decode JSON from a file or from an upload.

    Raises:
        BadInput: the file is missing or too large, or it does not hold JSON.
    """
    origin = str(source) if isinstance(source, Path) else "upload"
    text = _text(source, origin)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{origin}: malformed JSON at line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except RecursionError:
        raise BadInput(f"{origin}: the JSON is nested too deeply.") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise BadInput(f"{origin}: a number in the JSON has too many digits.") from None


def _text(source: Path | bytes, origin: str) -> str:
    try:
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        if size > MAX_JSON_BYTES:
            raise BadInput(f"{origin}: {size:,} bytes is too large for a spec; the limit is {MAX_JSON_BYTES:,} bytes.")
        return (source.read_bytes() if isinstance(source, Path) else source).decode("utf-8")
    except OSError as error:
        raise BadInput(f"{origin}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise BadInput(f"{origin}: is not text in UTF-8.") from None


def read(source: Path | bytes) -> Spec:
    """Read one spec from a JSON file or upload; see `read_json` and `check` for what is refused."""
    return check(read_json(source))


def sentence(error: ValidationError) -> str:
    """Return the first problem as one sentence that starts with the path of the field."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such field"
    elif first["type"] == "missing":
        message = "is required"
    elif first["type"] != "value_error" and not isinstance(first["input"], dict | list):
        message += f", got {first['input']!r}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{path}: {message}{more}" if path else f"{message}{more}"

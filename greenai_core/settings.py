"""What the environment decides: where things lie and what a joule is assumed to be.

Each field is read from an environment variable with the prefix ``GREENAI_``. Relative paths are taken from the
folder that holds ``app.py``, so that the dashboard and the command line agree wherever they are started.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from greenai_core.errors import BadInput

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"


def _from_root(path: Path) -> Path:
    return path if path.is_absolute() else ROOT / path


def _uri_from_root(uri: str) -> str:
    return uri if "://" in uri or uri.startswith("~") else str(ROOT / uri)


def _url_from_root(url: str) -> str:
    """Root the file of a SQLite URL; one in memory and one in SQLite's own ``file:`` form have no path here."""
    prefix, separator, path = url.partition(":///")
    is_path = prefix.startswith("sqlite") and separator and path and not path.startswith((":memory:", "file:"))
    return f"{prefix}:///{ROOT / path}" if is_path else url


RootedPath = Annotated[Path, AfterValidator(_from_root)]


class Settings(BaseSettings):
    """All settings, frozen; read anew by `settings()`."""

    model_config = SettingsConfigDict(env_prefix="GREENAI_", frozen=True, env_ignore_empty=True)

    database_url: Annotated[str, AfterValidator(_url_from_root)] = Field(
        "sqlite:///results/greenai.db", validate_default=True, description="SQLAlchemy URL of the store"
    )
    data_dir: RootedPath = Field(
        Path("data"), validate_default=True, description="data sets; torchvision downloads here"
    )
    artifacts: Annotated[str, AfterValidator(_uri_from_root)] = Field(
        "results/artifacts", validate_default=True, description="fsspec URI for models and checkpoints"
    )
    checkpoints_cap_mb: float = Field(
        2048.0,
        gt=0,
        allow_inf_nan=False,
        description="megabytes of prefix checkpoints; above it those used least recently go",
    )
    bank: RootedPath = Field(Path("results/bank"), validate_default=True, description="shipped records, read only")
    country: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        None, description="ISO 3166 alpha-3 code of the grid, for carbon; unset: carbon is unknown"
    )
    watts_per_core: float = Field(4.0, gt=0, description="assumed power of one busy core, in watts")
    powercap_root: RootedPath = Field(
        Path("/sys/class/powercap"), description="where Linux shows the energy counters of the processor (RAPL)"
    )
    executor: Literal["local", "ray"] = Field(
        "local", description="where jobs run: here, or on the nodes of a Ray cluster (docs/cluster.md)"
    )
    ray_address: str = Field("http://127.0.0.1:8265", description="where the head of the Ray cluster takes jobs")
    launch_token: SecretStr | None = Field(None, description="lets a dashboard that is not on localhost launch runs")
    host_id: str = Field(default_factory=platform.node, description="name of this host in the job table")
    idle_exit_s: float = Field(600.0, gt=0, description="an idle supervisor ends after this many seconds")

    @field_validator("executor")
    @classmethod
    def _nodes_need_a_server(cls, executor: str, others: ValidationInfo) -> str:
        if executor == "ray" and others.data.get("database_url", "").startswith("sqlite"):
            raise PydanticCustomError(
                "needs_a_server",
                "the nodes of a cluster cannot share a SQLite file; set GREENAI_DATABASE_URL to a PostgreSQL server",
            )
        return executor


def settings() -> Settings:
    """Read the settings from the environment as it is now.

    Raises:
        BadInput: a variable has a value that its field refuses.
    """
    return _read(tuple(item for item in os.environ.items() if item[0].upper().startswith("GREENAI_")))


@lru_cache(maxsize=1)
def _read(_variables: tuple[tuple[str, str], ...]) -> Settings:
    """Read them; remembered while no variable changes, since every access to the store asks."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = f"GREENAI_{str(first['loc'][0]).upper()}"
        raise BadInput(f"{variable}: {first['msg']}, got {first['input']!r}.") from None

"""Parameters that several networks have in common; nothing here imports torch, as forms read them."""

from typing import Annotated

from pydantic import Field

__all__ = ["Hidden", "Layers", "Resolution", "Width"]

Width = Annotated[float, Field(ge=0.1, le=2, title="Width", description="multiplier of the channels of every layer")]
Resolution = Annotated[
    float, Field(ge=0.5, le=2.7, title="Resolution", description="multiplier of the sides to which images are resized")
]
Hidden = Annotated[int, Field(ge=4, le=1024, title="Hidden", description="units in the state of each layer")]
Layers = Annotated[
    int, Field(ge=1, le=4, title="Layers", description="recurrent layers; each reads the states of the one before")
]

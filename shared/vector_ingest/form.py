"""The base of all models that are a form, or a part of one."""

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """Built when it is first used: a command uses one form, and pays for no other."""

    model_config = ConfigDict(defer_build=True)

"""Settings of posts. Built in the process modules and passed down."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="POSTS_", frozen=True, extra="ignore")

    shared_seconds: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How old a list may be that is the same for everybody, for who has no token; 0"
        " reads it for each.",
    )

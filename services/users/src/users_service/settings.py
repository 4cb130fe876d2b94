"""Settings of users. Built in the process modules and passed down."""

from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="USERS_", frozen=True, extra="ignore")

# syntax=docker/dockerfile:1
# One image per service: `docker build --build-arg SERVICE=auth .`. It runs every process of that
# service and its migrations; which one is the command's choice. Read-only, without root, port 8000.
FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.13-slim-trixie AS build
ARG SERVICE
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/app/venv \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# The dependencies alone, so that this layer outlives every change that leaves the lock as it is.
COPY pyproject.toml uv.lock .python-version ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-install-workspace --package "${SERVICE}-service"
COPY libs/common libs/common
COPY services/${SERVICE} services/${SERVICE}
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --package "${SERVICE}-service"

FROM python:3.13-slim-trixie
ARG SERVICE
LABEL org.opencontainers.image.title="colonnade-${SERVICE}" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/app/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SERVICE=${SERVICE}
COPY --from=build /app/venv /app/venv
# The working directory is where `alembic upgrade head` finds its history.
COPY services/${SERVICE}/alembic.ini /app/service/alembic.ini
COPY services/${SERVICE}/migrations /app/service/migrations
WORKDIR /app/service
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8000
CMD ["sh", "-c", "exec python -m \"${SERVICE}_service.app\""]

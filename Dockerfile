# One image for every process of the Procfile; docker-compose.yml says which one runs.
ARG PYTHON=python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/plugins
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements requirements
RUN /opt/plugins/bin/pip install --require-hashes --only-binary :all: -r requirements/image.lock
COPY pyproject.toml README.md LICENSE Procfile ./
COPY contracts contracts
COPY worker worker
RUN /opt/plugins/bin/pip install --no-deps --no-build-isolation .

FROM ${PYTHON}
RUN useradd --system --uid 10001 --create-home --home-dir /home/plugins plugins
COPY --from=build /opt/plugins /opt/plugins
ENV PATH=/opt/plugins/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER plugins
WORKDIR /home/plugins
STOPSIGNAL SIGTERM
# Judged by the process's own heartbeat: a remote `inspect ping` costs seconds each time.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["plugins", "healthcheck"]
CMD ["celery", "-A", "worker", "worker", "-Q", "plugin.commands", "-n", "commands@%h", "--loglevel", "INFO"]

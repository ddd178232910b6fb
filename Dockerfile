# The gateway and the bureau in one image: `serve` (default) or `bureau`, each with --settings FILE.
# Secrets come from the environment at run time (docs/settings.md); none is in a layer.
#
#   docker build -t treasury-gateway .
#   docker run --read-only --cap-drop ALL -v ./conf:/etc/treasury-gateway:ro \
#       -e GATEWAY_DATABASE -e GATEWAY_KEY_PASSPHRASE -e GATEWAY_COMMITMENT_SECRET \
#       -e GATEWAY_PEOPLE_KEY=/etc/treasury-gateway/people.key treasury-gateway

ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/packages
# What runs in service, each file by its hash, nothing compiled from sources.
COPY deploy/runtime.lock ./
RUN python -m pip --python /opt/packages/bin/python install --no-cache-dir --no-input \
    --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --requirement runtime.lock
# The programs' own files, data beside code; `.dockerignore` keeps everything else out.
COPY gateway/ /opt/treasury-gateway/gateway/
COPY bureau/ /opt/treasury-gateway/bureau/
COPY adapters/ /opt/treasury-gateway/adapters/
COPY policies/ /opt/treasury-gateway/policies/
COPY certs/ /opt/treasury-gateway/certs/
RUN /opt/packages/bin/python -m compileall -q /opt/packages /opt/treasury-gateway

FROM python:${PYTHON}
COPY --from=build /opt/packages /opt/packages
COPY --from=build /opt/treasury-gateway /opt/treasury-gateway
ENV PATH=/opt/packages/bin:$PATH \
    PYTHONPATH=/opt/treasury-gateway \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/empty
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8443
# Alive is asked, not ready: a restart does not mend a bank that is silent. Operators' port as in the
# settings; the bureau program's image user overrides this check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "\
import tomllib, urllib.request; \
file = open('/etc/treasury-gateway/gateway.toml', 'rb'); \
port = tomllib.load(file).get('gateway', {}).get('ops_port', 8080); \
urllib.request.urlopen(f'http://127.0.0.1:{port}/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve", "--settings", "/etc/treasury-gateway/gateway.toml"]

# The gateway and the bureau in one image: `serve` (default) or `bureau`, each with --settings FILE.
# Secrets come from the environment at run time (docs/settings.md); none is in a layer.
#
#   docker build -t treasury-gateway .
#   install -d -o 10001 -g 10001 -m 700 conf state
#   docker run --read-only --cap-drop ALL --stop-timeout 30 -p 8443:8443 -v ./conf:/etc/treasury-gateway:ro \
#       -v ./state:/var/lib/treasury-gateway -e GATEWAY_DATABASE -e GATEWAY_KEY_PASSPHRASE -e GATEWAY_COMMITMENT_SECRET \
#       -e GATEWAY_PEOPLE_KEY=/etc/treasury-gateway/people.key treasury-gateway
#
# `state` holds all that it writes: what this host remembers (`witness.mark`), revocation lists of the
# registry (`tls.revocations`); without `gateway.log_file` the log is the container's. What is on the line may
# take ten seconds to end, and as many is all that `docker stop` gives without `--stop-timeout`.
# docs/runbooks/first-start.md has the other commands.

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
COPY doors/ /opt/treasury-gateway/doors/
RUN /opt/packages/bin/python -m compileall -q /opt/packages /opt/treasury-gateway

FROM python:${PYTHON}
COPY --from=build /opt/packages /opt/packages
COPY --from=build /opt/treasury-gateway /opt/treasury-gateway
ENV PATH=/opt/packages/bin:$PATH \
    PYTHONPATH=/opt/treasury-gateway \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/empty
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8443
# Alive is asked, not ready: a restart does not mend a bank that is silent. At the operators' port of
# the settings, past any proxy of the environment; the bureau is run with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "\
import http.client, sys, tomllib; \
file = open('/etc/treasury-gateway/gateway.toml', 'rb'); \
own = tomllib.load(file).get('gateway', {}); \
place = own.get('ops_host', '127.0.0.1'), own.get('ops_port', 8080); \
asked = http.client.HTTPConnection(*place, timeout=2); \
asked.request('GET', '/healthz'); \
sys.exit(asked.getresponse().status != 200)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve", "--settings", "/etc/treasury-gateway/gateway.toml"]

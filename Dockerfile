# The Monitor in a container:
#
#   docker build -t ev-cp-m .
#   docker run --hostname cp-001 -v ev-cp-m:/var/lib/ev-cp-m \
#     -e CP_ID=CP_001 -e CENTRAL_IP=host.docker.internal \
#     -e ENGINE_IP=host.docker.internal ev-cp-m
#
# Give it a volume with a name: there lie the events that Kafka does not have yet
# and the numbering. Without it a new container starts a new epoch at 1. A fixed
# --hostname (or EVCP_INSTANCE) says that it is still the same Monitor.
#
# host.docker.internal exists in Docker Desktop. On Linux add
#   --add-host host.docker.internal:host-gateway
#
# Central and the simulated Engine are in the image too:
#   docker run --entrypoint /ev-central -p 5000:5000 -p 8080:8080 ev-cp-m

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bin/ \
    ./cmd/ev-cp-m ./cmd/ev-central ./cmd/ev-cp-e
# An empty image has no mkdir. A new named volume takes owner and mode from the
# folder that it covers, so the folder must exist and belong to the user below.
RUN mkdir -p /out/lib/ev-cp-m && chmod 0750 /out/lib/ev-cp-m

# Nothing but the binaries: they are static, speak plain TCP, and log in UTC, so
# they need no libc, no certificates and no time zones.
FROM scratch
COPY --from=build /out/bin/ /
COPY --from=build --chown=65532:65532 /out/lib/ /var/lib/
# A number, because Kubernetes' runAsNonRoot cannot prove a name.
USER 65532:65532
ENV EVCP_STATE_DIR=/var/lib/ev-cp-m
VOLUME /var/lib/ev-cp-m
# Asks the Monitor that runs in here, found by the same variables (CP_ID,
# EVCP_STATE_DIR): unhealthy when no check was completed for a while, whatever the
# Engine, Central and Kafka do. For the other two programs: --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/ev-cp-m", "healthcheck"]
# docker stop sends SIGTERM: a clean stop needs at most 2.5 s of Docker's 10.
ENTRYPOINT ["/ev-cp-m"]

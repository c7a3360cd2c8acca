# The Monitor in a container:
#
#   docker build -t ev-cp-m .
#   docker run -d --name cp-001 --hostname cp-001 --restart unless-stopped \
#     -v ev-cp-m:/var/lib/ev-cp-m -e CP_ID=CP_001 \
#     -e CENTRAL_IP=host.docker.internal -e ENGINE_IP=host.docker.internal ev-cp-m
#   docker exec cp-001 ev-cp-m status
#
# Give it a named volume: it holds the events that Kafka does not have yet and the last
# event number. Without it a new container starts a new epoch, and so does one with
# another --hostname (or EVCP_INSTANCE). A bind-mounted folder must belong to uid 65532.
#
# host.docker.internal exists in Docker Desktop. On Linux add
#   --add-host host.docker.internal:host-gateway
#
# Central and the simulated Engine (ev-cp-e) are in the image too. The health check
# asks a Monitor, so they run without it:
#   docker run --entrypoint ev-central --no-healthcheck \
#     -v ev-central:/var/lib/ev-cp-m -p 5000:5000 -p 8080:8080 ev-cp-m --http :8080

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bin/ \
    ./cmd/ev-cp-m ./cmd/ev-central ./cmd/ev-cp-e
# The final image has no mkdir. A new named volume takes owner and mode from the folder
# at its mount point, so the folder must exist and belong to the user below.
RUN mkdir -p /out/lib/ev-cp-m && chmod 0750 /out/lib/ev-cp-m

# The binaries are static and bring their time zones, so they need no libc. TLS needs the
# authorities that the build's Debian trusts.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# /usr/bin is in every runtime's default PATH, for: docker exec cp-001 ev-cp-m status
COPY --from=build /out/bin/ /usr/bin/
COPY --from=build --chown=65532:65532 /out/lib/ /var/lib/
# A number, because Kubernetes' runAsNonRoot can't verify a name.
USER 65532:65532
# UTF-8, so that commands by docker exec print the same symbols as on the host.
ENV EVCP_STATE_DIR=/var/lib/ev-cp-m LANG=C.UTF-8
VOLUME /var/lib/ev-cp-m
# Asks the Monitor in this container, found by the same variables (CP_ID,
# EVCP_STATE_DIR). Unhealthy some 45 s after the last completed check, whatever Engine,
# Central and Kafka do.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/bin/ev-cp-m", "healthcheck"]
# docker stop sends SIGTERM: a clean stop needs at most 2.5 s of Docker's 10.
ENTRYPOINT ["/usr/bin/ev-cp-m"]

# syntax=docker/dockerfile:1

FROM rust:1-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpq-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /muster
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/muster/target \
    cargo build --release --locked --bin muster \
 && install -D -s target/release/muster /out/muster


FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libpq5 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --home-dir /var/lib/muster muster \
 && install -d -o muster -g muster -m 0700 /var/lib/muster
COPY --from=build /out/muster /usr/local/bin/muster

USER muster
WORKDIR /var/lib/muster
VOLUME /var/lib/muster
EXPOSE 8080
# The database is elsewhere: DATABASE_URL must be given.
ENV MUSTER_DATA_DIR=/var/lib/muster \
    MUSTER_LISTEN=0.0.0.0:8080 \
    MUSTER_LOG_FORMAT=json
# Tasks are given back before it ends: see `stop_grace_period` in compose.yaml.
STOPSIGNAL SIGTERM
# Asks /readyz without a further program: bash speaks TCP.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 4 line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["muster"]
CMD ["serve"]

# The image of the container agent-sidecar: agent-sidecar, and the agent-launcher that it hands over
# to the agent's container. Built by docker/build; the context is the root of the repository.

# The tests put a local image in its place.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3.1-bookworm
FROM ${SWIFT_IMAGE} AS build
COPY docker/libcurl /usr/local/libexec/libcurl
RUN /usr/local/libexec/libcurl /opt/http-curl
COPY docker/compile /usr/local/libexec/compile
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
# The cache makes a second build short; both images share it.
RUN --mount=type=cache,id=agents-on-ecs,target=/src/.build,sharing=locked \
    /usr/local/libexec/compile /out agent-sidecar agent-launcher
COPY docker/root docker/sbom /usr/local/libexec/
RUN /usr/local/libexec/root /root-of-image /out/agent-sidecar /out/agent-launcher \
    && mkdir -p /root-of-image/run/agent-link \
    && /usr/local/libexec/sbom /root-of-image agent-sidecar /out/linked

FROM scratch
LABEL org.opencontainers.image.title="agent-sidecar" \
    org.opencontainers.image.description="Protects an HCP Terraform agent on ECS and lets it leave when it is not needed" \
    org.opencontainers.image.licenses="MIT"
COPY --from=build /root-of-image/ /
# User 0, since a fresh volume of a Fargate task belongs to root and nobody else can write to it. The
# task definition takes every capability from this user and makes the root read-only.
# hadolint ignore=DL3002
USER 0:0
ENTRYPOINT ["/usr/local/bin/agent-sidecar"]
CMD ["run"]

# The image of the scale-up endpoint: scale-up-server, and scale-up-lambda, which the Terraform
# module names as the entry point of the function. Built by docker/build; the context is the root of
# the repository.

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
RUN --mount=type=cache,id=agents-on-ecs,target=/src/.build,sharing=locked \
    /usr/local/libexec/compile /out scale-up-lambda scale-up-server
COPY docker/root docker/sbom /usr/local/libexec/
RUN /usr/local/libexec/root /root-of-image /out/scale-up-lambda /out/scale-up-server \
    && /usr/local/libexec/sbom /root-of-image scale-up /out/linked

FROM scratch
LABEL org.opencontainers.image.title="scale-up" \
    org.opencontainers.image.description="Starts HCP Terraform agents on ECS when a run task says that a run needs one" \
    org.opencontainers.image.licenses="MIT"
COPY --from=build /root-of-image/ /
# Nobody: it writes no file and listens above port 1024. Lambda runs it as a user of its own.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/scale-up-server"]

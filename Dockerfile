# The image: one static binary and the certificates of public authorities, run as nobody. Build it
# with: make image
ARG GO_VERSION=1.26
FROM docker.io/library/golang:${GO_VERSION}-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
# The same source gives the same bytes: no path, no time and no checkout is in them.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /scim-bridge ./cmd/scim-bridge

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /scim-bridge /scim-bridge
# Any other user will do too, as one that OpenShift chooses: the program has no home and writes only where it is told to.
USER 65532:65532
EXPOSE 8081 9091
HEALTHCHECK CMD ["/scim-bridge", "probe", "--timeout", "3s", "http://127.0.0.1:9091/readyz"]
ENTRYPOINT ["/scim-bridge"]
CMD ["serve", "--config", "/etc/scim-bridge/config.yaml"]

# A service in Go with OpenTelemetry's SDK; sourced by ../servers.

listens=(HTTP)

launch() {
    # The last one that finds its headers wins: W3C's, where they are there.
    export OTEL_PROPAGATORS=ottrace,xray,jaeger,b3multi,b3,baggage,tracecontext
    exec "$installed/service"
}

ready_url() { echo "http://$INTEROP_GO_HTTP/ready"; }

# The OpenTelemetry Collector; sourced by ../servers. It writes all it receives to a file, a line of JSON a request,
# unless $INTEROP_COLLECTOR_OVERLAY names a file that says otherwise.

listens=(OTLP_HTTP OTLP_GRPC ZIPKIN HEALTH METRICS)

launch() {
    export INTEROP_COLLECTOR_METRICS_PORT=${INTEROP_COLLECTOR_METRICS##*:}
    exec "$installed/otelcol" --config config.yaml \
        ${INTEROP_COLLECTOR_OVERLAY:+--config "$INTEROP_COLLECTOR_OVERLAY"}
}

ready_url() { echo "http://$INTEROP_COLLECTOR_HEALTH/"; }

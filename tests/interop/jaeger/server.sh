# Jaeger with storage in memory; sourced by ../servers.

listens=(OTLP_HTTP OTLP_GRPC QUERY QUERY_GRPC HEALTH)

launch() { exec "$installed/jaeger" --config config.yaml; }

ready_url() { echo "http://$INTEROP_JAEGER_HEALTH/status"; }

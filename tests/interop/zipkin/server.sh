# Zipkin with storage in memory; sourced by ../servers.

listens=(HTTP)

launch() {
    # Named in the environment alone, the port would be open to other machines.
    exec java -Xms64m -Xmx1g -XX:+UseSerialGC -jar "$installed"/zipkin-server-*-exec.jar \
        --armeria.ports[0].ip=127.0.0.1 \
        --armeria.ports[0].port="${INTEROP_ZIPKIN_HTTP##*:}" \
        --armeria.ports[0].protocols[0]=http \
        --zipkin.storage.type=mem \
        --spring.main.banner-mode=off
}

ready_url() { echo "http://$INTEROP_ZIPKIN_HTTP/health"; }

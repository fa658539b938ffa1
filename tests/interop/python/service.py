"""A service that passes a request on, as a Python service with OpenTelemetry's SDK does.

GET /hop?then=HOST:PORT,HOST:PORT asks the first of these services for the same, with the others as its `then`, and
answers with what it was sent and what it got:

    {"service": "python", "headers": {...}, "baggage": {...}, "next": {...}}
"""

import logging
import os

import requests
from flask import Flask, request
from opentelemetry import baggage, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from werkzeug.serving import WSGIRequestHandler

provider = TracerProvider(resource=Resource.create({"service.name": "python", "service.version": "1.0"}))
for receiver in ("INTEROP_COLLECTOR_OTLP_HTTP", "INTEROP_JAEGER_OTLP_HTTP"):
    if receiver in os.environ:
        exporter = OTLPSpanExporter(endpoint=f"http://{os.environ[receiver]}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("throughline.interop")

app = Flask("python")
FlaskInstrumentor().instrument_app(app, excluded_urls="ready")
RequestsInstrumentor().instrument()
connections = requests.Session()


@app.get("/ready")
def ready():
    return {}


@app.get("/hop")
def hop():
    known = propagate.get_global_textmap().fields
    answer = {
        "service": "python",
        "headers": {name: request.headers[name] for name in sorted(known) if name in request.headers},
        "baggage": dict(baggage.get_all()),
        "next": None,
    }
    with tracer.start_as_current_span("consider") as span:
        span.set_attributes({"hop.text": "żółw", "hop.count": 7, "hop.share": 0.25, "hop.is_last": False})
        span.add_event("considered", {"hop.options": ["go on", "stay"]})
    first, _, others = request.args.get("then", "").partition(",")
    if first:
        # What OpenTelemetry leaves to the service: the request's id.
        headers = {"X-Request-ID": request.headers["X-Request-ID"]} if "X-Request-ID" in request.headers else {}
        following = connections.get(f"http://{first}/hop?then={others}", headers=headers, timeout=10)
        following.raise_for_status()
        answer["next"] = following.json()
    return answer


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    host, port = os.environ["INTEROP_PYTHON_HTTP"].split(":")
    app.run(host, int(port), threaded=True)

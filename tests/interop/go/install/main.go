// A service that passes a request on, as a Go service with OpenTelemetry's SDK does.
//
// GET /hop?then=HOST:PORT,HOST:PORT asks the first of these services for the same, with the others as its `then`,
// and answers with what it was sent and what it got:
//
//	{"service": "go", "headers": {...}, "baggage": {...}, "next": {...}}
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var connections = http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport), Timeout: 10 * time.Second}

type answer struct {
	Service string            `json:"service"`
	Headers map[string]string `json:"headers"`
	Baggage map[string]string `json:"baggage"`
	Next    json.RawMessage   `json:"next"`
}

func main() {
	provider, err := newProvider(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(autoprop.NewTextMapPropagator())

	http.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	http.Handle("GET /hop", otelhttp.NewHandler(http.HandlerFunc(hop), "GET /hop"))
	log.Fatal(http.ListenAndServe(os.Getenv("INTEROP_GO_HTTP"), nil))
}

func newProvider(ctx context.Context) (*sdk.TracerProvider, error) {
	self := resource.NewSchemaless(attribute.String("service.name", "go"), attribute.String("service.version", "1.0"))
	options := []sdk.TracerProviderOption{sdk.WithResource(self)}
	for _, receiver := range []string{"INTEROP_COLLECTOR_OTLP_HTTP", "INTEROP_JAEGER_OTLP_HTTP"} {
		address, ok := os.LookupEnv(receiver)
		if !ok {
			continue
		}
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure())
		if err != nil {
			return nil, err
		}
		options = append(options, sdk.WithBatcher(exporter, sdk.WithBatchTimeout(100*time.Millisecond)))
	}
	return sdk.NewTracerProvider(options...), nil
}

func hop(writer http.ResponseWriter, request *http.Request) {
	result := answer{Service: "go", Headers: map[string]string{}, Baggage: map[string]string{}}
	for _, name := range otel.GetTextMapPropagator().Fields() {
		if value := request.Header.Get(name); value != "" {
			result.Headers[strings.ToLower(name)] = value
		}
	}
	for _, member := range baggage.FromContext(request.Context()).Members() {
		result.Baggage[member.Key()] = member.Value()
	}

	consider(request.Context())
	if first, others, _ := strings.Cut(request.URL.Query().Get("then"), ","); first != "" {
		next, err := ask(request, first, others)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadGateway)
			return
		}
		result.Next = next
	}
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(result)
}

func consider(ctx context.Context) {
	_, span := otel.Tracer("throughline.interop").Start(ctx, "consider")
	defer span.End()
	span.SetAttributes(
		attribute.String("hop.text", "żółw"),
		attribute.Int("hop.count", 7),
		attribute.Float64("hop.share", 0.25),
		attribute.Bool("hop.is_last", false),
	)
	span.AddEvent("considered", trace.WithAttributes(attribute.StringSlice("hop.options", []string{"go on", "stay"})))
}

func ask(request *http.Request, first, others string) (json.RawMessage, error) {
	target := fmt.Sprintf("http://%s/hop?then=%s", first, others)
	following, err := http.NewRequestWithContext(request.Context(), http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	// What OpenTelemetry leaves to the service: the request's id.
	if id := request.Header.Get("X-Request-ID"); id != "" {
		following.Header.Set("X-Request-ID", id)
	}
	response, err := connections.Do(following)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", first, response.Status)
	}
	var next json.RawMessage
	return next, json.NewDecoder(response.Body).Decode(&next)
}

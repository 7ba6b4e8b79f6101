package otlp

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says where spans go. [FromEnvironment] makes one.
type Config struct {
	URL     string // of the collector's route for traces
	Header  http.Header
	Timeout time.Duration // of one request
	// Resource describes the source of the spans: service.name and so on.
	Resource []Attribute
	Version  string // of the program
}

// FromEnvironment reads OpenTelemetry's variables; nil means that nothing is exported. They are
// OTEL_EXPORTER_OTLP_ENDPOINT, …_TRACES_ENDPOINT, …_HEADERS, …_TIMEOUT and …_PROTOCOL (http/protobuf only),
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_EXPORTER (otlp and none only), and OTEL_SDK_DISABLED.
func FromEnvironment(env func(name string) string, version string) (*Config, error) {
	target := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := env("OTEL_EXPORTER_OTLP_ENDPOINT"); target == "" && base != "" {
		target = strings.TrimRight(base, "/") + "/v1/traces"
	}
	exporter := cmp.Or(env("OTEL_TRACES_EXPORTER"), "otlp")
	if target == "" || strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || exporter == "none" {
		return nil, nil
	}
	if exporter != "otlp" {
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; there are otlp and none", exporter)
	}
	if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of a collector; OTEL_EXPORTER_OTLP_ENDPOINT holds one such as http://127.0.0.1:4318", target)
	}
	protocol := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), env("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; only http/protobuf is spoken", protocol)
	}
	c := &Config{URL: target, Header: http.Header{}, Timeout: 10 * time.Second, Version: version}
	if ms, err := strconv.Atoi(cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), env("OTEL_EXPORTER_OTLP_TIMEOUT"))); err == nil && ms > 0 {
		c.Timeout = time.Duration(ms) * time.Millisecond
	}
	for name, value := range pairs(cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), env("OTEL_EXPORTER_OTLP_HEADERS"))) {
		c.Header.Set(name, value)
	}
	c.Resource = resource(env, version)
	return c, nil
}

func resource(env func(string) string, version string) []Attribute {
	given := []Attribute{}
	service := env("OTEL_SERVICE_NAME")
	for name, value := range pairs(env("OTEL_RESOURCE_ATTRIBUTES")) {
		if name == "service.name" {
			service = cmp.Or(service, value)
			continue
		}
		given = append(given, Attribute{name, value})
	}
	return append([]Attribute{{"service.name", cmp.Or(service, "perdure")}, {"service.version", version}}, given...)
}

// pairs yields the entries of a list such as "a=1,b=2", whose values may be percent-encoded.
func pairs(list string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for part := range strings.SplitSeq(list, ",") {
			name, value, ok := strings.Cut(part, "=")
			if name = strings.TrimSpace(name); !ok || name == "" {
				continue
			}
			value = strings.TrimSpace(value)
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

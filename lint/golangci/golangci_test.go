package golangci

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/lint"
)

// TestPlugin makes the plugin as golangci-lint does; .ci/run golangci runs it in a golangci-lint.
func TestPlugin(t *testing.T) {
	var all []string
	for _, a := range lint.Analyzers() {
		all = append(all, a.Name)
	}
	for _, test := range []struct {
		conf any
		want []string
		err  string
	}{
		{nil, all, ""},
		{map[string]any{"rules": []string{"clock", "io"}}, []string{"clock", "io"}, ""},
		{map[string]any{"rules": []string{"clok"}}, nil, `perdure: there is no rule "clok"; perdure lint --rules lists them`},
		{map[string]any{"rule": []string{"clock"}}, nil, `decoding settings: json: unknown field "rule"`},
	} {
		got, err := build(test.conf)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("rules with %v (-want +got):\n%s", test.conf, diff)
		}
		if err != nil && err.Error() != test.err || err == nil && test.err != "" {
			t.Errorf("got error %v, want %q", err, test.err)
		}
	}
}

func build(conf any) (names []string, err error) {
	make, err := register.GetPlugin("perdure")
	if err != nil {
		return nil, err
	}
	p, err := make(conf)
	if err != nil {
		return nil, err
	}
	analyzers, err := p.BuildAnalyzers()
	for _, a := range analyzers {
		names = append(names, a.Name)
	}
	if p.GetLoadMode() != register.LoadModeTypesInfo {
		names = nil // facts and types are needed
	}
	return names, err
}

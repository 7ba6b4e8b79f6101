// Package golangci is package lint as a module plugin of golangci-lint, named perdure. A file .custom-gcl.yml has
// golangci-lint custom build a golangci-lint with it:
//
//	version: v2.15.0
//	plugins:
//	  - module: github.com/perdure/perdure
//	    import: github.com/perdure/perdure/lint/golangci
//	    version: latest
//
// and .golangci.yml turns it on:
//
//	linters:
//	  enable: [perdure]
//	  settings:
//	    custom:
//	      perdure:
//	        type: module
//
// The setting rules is a list of the rules to run, if not all of them.
package golangci

import (
	"fmt"
	"slices"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/perdure/perdure/lint"
)

func init() { register.Plugin("perdure", newPlugin) }

// settings are those of the plugin in .golangci.yml.
type settings struct {
	Rules []string `json:"rules"` // all if it is empty
}

type plugin struct{ settings settings }

func newPlugin(conf any) (register.LinterPlugin, error) {
	s, err := register.DecodeSettings[settings](conf)
	if err != nil {
		return nil, err
	}
	return &plugin{s}, nil
}

// BuildAnalyzers implements [register.LinterPlugin].
func (p *plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	all := lint.Analyzers()
	for _, a := range all { // golangci-lint puts their names before what they say
		if err := a.Flags.Set("bare", "true"); err != nil {
			return nil, err
		}
	}
	if len(p.settings.Rules) == 0 {
		return all, nil
	}
	var chosen []*analysis.Analyzer
	for _, name := range p.settings.Rules {
		i := slices.IndexFunc(all, func(a *analysis.Analyzer) bool { return a.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("perdure: there is no rule %q; perdure lint --rules lists them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// GetLoadMode implements [register.LinterPlugin].
func (*plugin) GetLoadMode() string { return register.LoadModeTypesInfo }

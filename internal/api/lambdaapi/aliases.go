package lambdaapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

// aliasConfiguration is an alias as the API tells it.
type aliasConfiguration struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RoutingConfig   *routingConfig `json:",omitempty"`
	RevisionID      string         `json:"RevisionId"`
}

type routingConfig struct {
	AdditionalVersionWeights map[string]float64
}

func describeAlias(a *engine.Alias) aliasConfiguration {
	out := aliasConfiguration{
		AliasArn: a.ARN, Name: a.Name, FunctionVersion: a.Version, Description: a.Description, RevisionID: a.Revision,
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &routingConfig{a.Weights}
	}
	return out
}

// aliasSeparator stands between function and alias in a path.
const aliasSeparator = "/aliases/"

func (a *api) createAlias(w http.ResponseWriter, r *http.Request, function string) error {
	change, err := readAlias(r, function, "")
	if err != nil {
		return err
	}
	created, err := a.registry.CreateAlias(r.Context(), change)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, encode(describeAlias(created)))
	return nil
}

func (a *api) updateAlias(w http.ResponseWriter, r *http.Request, subject string) error {
	function, name, _ := strings.Cut(subject, aliasSeparator)
	change, err := readAlias(r, function, name)
	if err != nil {
		return err
	}
	changed, err := a.registry.UpdateAlias(r.Context(), change)
	if err != nil {
		return err
	}
	return reply(w, describeAlias(changed))
}

// readAlias reads the body of CreateAlias or, with the alias from the path, of UpdateAlias.
func readAlias(r *http.Request, function, alias string) (*engine.AliasChange, error) {
	var v violations
	v.text(function, "functionName", &functionNameShape)
	change := &engine.AliasChange{Function: function, Name: alias}
	creating := alias == ""
	err := readMembers(r, func(d *protocol.Reader, name string) {
		switch {
		case name == "Name" && creating:
			change.Name = d.Text()
		case name == "FunctionVersion":
			change.Version = d.Optional()
		case name == "Description":
			change.Description = d.Optional()
		case name == "RoutingConfig":
			if !d.Null() {
				change.Weights = readRouting(d, &v)
			}
		case name == "RevisionId":
			change.Revision = d.Text()
		default:
			d.Skip()
		}
	})
	if err != nil {
		return nil, err
	}
	if change.Name == "" {
		v.missing("name")
	} else {
		v.text(change.Name, "name", &aliasShape)
	}
	if change.Version != nil {
		v.text(*change.Version, "functionVersion", &versionShape)
	} else if creating {
		v.missing("functionVersion")
	}
	if change.Description != nil {
		v.text(*change.Description, "description", &descriptionShape)
	}
	return change, v.err()
}

// routing reads a RoutingConfig. An empty one takes the routing away.
func readRouting(d *protocol.Reader, v *violations) *map[string]float64 {
	weights := map[string]float64{}
	for name := range d.Members() {
		if string(name) != "AdditionalVersionWeights" {
			d.Skip()
			continue
		}
		for version := range d.Members() {
			key := string(version)
			v.text(key, "routingConfig.additionalVersionWeights", &numberShape)
			weight := d.Float()
			if !(weight >= 0 && weight <= 1) {
				bound := "less than or equal to 1.0"
				if weight < 0 {
					bound = "greater than or equal to 0.0"
				}
				v.add(quote(strconv.FormatFloat(weight, 'g', -1, 64)), "routingConfig.additionalVersionWeights."+protocol.Clip(key, maxQuoted)+".member",
					"Member must have value "+bound)
			}
			weights[key] = weight
		}
	}
	return &weights
}

func (a *api) getAlias(w http.ResponseWriter, r *http.Request, subject string) error {
	function, name, err := aliasSubject(subject)
	if err != nil {
		return err
	}
	alias, err := a.registry.Alias(r.Context(), function, name)
	if err != nil {
		return err
	}
	return reply(w, describeAlias(alias))
}

func (a *api) deleteAlias(w http.ResponseWriter, r *http.Request, subject string) error {
	function, name, err := aliasSubject(subject)
	if err != nil {
		return err
	}
	if err := a.registry.DeleteAlias(r.Context(), function, name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func aliasSubject(subject string) (function, name string, err error) {
	function, name, _ = strings.Cut(subject, aliasSeparator)
	var v violations
	v.text(function, "functionName", &functionNameShape)
	v.text(name, "name", &aliasShape)
	return function, name, v.err()
}

// aliasList is the answer of ListAliases.
type aliasList struct {
	Aliases    []aliasConfiguration
	NextMarker string `json:",omitempty"`
}

func (a *api) aliases(w http.ResponseWriter, r *http.Request, function string) error {
	q := newQuery(r)
	q.text(function, "functionName", &functionNameShape)
	version := q.optional("FunctionVersion", &versionShape)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	all, err := a.registry.Aliases(r.Context(), function, version)
	if err != nil {
		return err
	}
	shown, next, err := cut(page, all, func(a *engine.Alias) string { return a.Name })
	if err != nil {
		return err
	}
	out := aliasList{Aliases: make([]aliasConfiguration, len(shown)), NextMarker: next}
	for i, alias := range shown {
		out.Aliases[i] = describeAlias(alias)
	}
	return reply(w, out)
}

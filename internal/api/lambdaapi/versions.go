package lambdaapi

import (
	"errors"
	"net/http"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/protocol"
)

func (a *api) publish(w http.ResponseWriter, r *http.Request, function string) error {
	err := a.registry.Here(r.Context(), function, "") // who has the code publishes it; the rest is judged below
	if there, ok := errors.AsType[*engine.ElsewhereError](err); ok {
		return there
	}
	var v violations
	v.text(function, "functionName", &functionNameShape)
	req := &engine.PublishRequest{Function: function}
	err = readMembers(r, func(d *protocol.Reader, name string) {
		switch name {
		case "CodeSha256":
			req.CodeSHA256 = d.Text()
		case "RevisionId":
			req.Revision = d.Text()
		case "Description":
			req.Description = d.Text()
			v.text(req.Description, "description", &descriptionShape)
		case "PublishTo":
			if !d.Null() {
				v.add(quote(d.Text()), "publishTo", "Member is not supported here")
			}
		default:
			d.Skip()
		}
	})
	if err == nil {
		err = v.err()
	}
	if err != nil {
		return err
	}
	c, err := a.registry.PublishVersion(r.Context(), req)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, encode(describeFunction(c)))
	return nil
}

// versionList is the answer of ListVersionsByFunction.
type versionList struct {
	Versions   []functionConfiguration
	NextMarker string `json:",omitempty"`
}

func (a *api) versions(w http.ResponseWriter, r *http.Request, function string) error {
	q := newQuery(r)
	q.text(function, "functionName", &functionNameShape)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	all, err := a.registry.Configurations(r.Context(), function)
	if err != nil {
		return err
	}
	shown, next, err := cut(page, all, func(c *engine.Configuration) string { return c.Version })
	if err != nil {
		return err
	}
	out := versionList{Versions: make([]functionConfiguration, len(shown)), NextMarker: next}
	for i, c := range shown {
		out.Versions[i] = describeFunction(c)
	}
	return reply(w, out)
}

// page is the part of a list that a client asks for. Lists of functions, versions and aliases are short, so a part
// is cut out of the whole.
type page struct {
	marker string
	max    int
}

func (q *query) page() page {
	const usual, most = 50, 10_000
	p := page{q.values.Get("Marker"), usual}
	if q.values.Has("MaxItems") {
		p.max = q.integer("MaxItems", 1, most)
	}
	return p
}

// cut returns the part of all that p asks for, and the marker of the next one. A marker is the key of the last item
// before it.
func cut[T any](p page, all []T, key func(T) string) (shown []T, next string, err error) {
	begin := 0
	if p.marker != "" {
		for begin < len(all) && key(all[begin]) != p.marker {
			begin++
		}
		if begin++; begin > len(all) {
			return nil, "", refusal(protocol.CodeInvalidParameter, "Invalid Marker")
		}
	}
	end := min(begin+p.max, len(all))
	if end < len(all) {
		next = key(all[end-1])
	}
	return all[begin:end], next, nil
}

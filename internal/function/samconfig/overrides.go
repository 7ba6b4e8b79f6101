package samconfig

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Parameters are written as NAME=VALUE, or in the long form of AWS's command; values with spaces stand between
// quotes. A text is in one form or the other.
const (
	nameForm  = `([A-Za-z0-9"']+)`
	valueForm = `("(?:\\.|[^"\\]+)*"|'(?:\\.|[^'\\]+)*'|(?:\\.|[^ "\\]+)+)`
)

var forms = []*regexp.Regexp{
	regexp.MustCompile(`ParameterKey=` + nameForm + `,ParameterValue=` + valueForm),
	regexp.MustCompile(` ` + nameForm + `=` + valueForm),
}

// overrides adds the parameter_overrides of file: texts, maps, lists of them, and names of more files.
func (r *reader) overrides(file string, value any, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("is nested too deep")
	}
	switch v := value.(type) {
	case nil:
	case string:
		return r.text(file, v, depth)
	case []any:
		for _, item := range v {
			if err := r.overrides(file, item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "$include" {
				if err := r.overrides(file, v[name], depth+1); err != nil {
					return err
				}
				continue
			}
			r.set(name, listOf(v[name]))
		}
	default:
		return fmt.Errorf("%s is neither NAME=VALUE nor a map", textOf(value))
	}
	return nil
}

func (r *reader) text(file, text string, depth int) error {
	if text == "" {
		return nil
	}
	if name, ok := strings.CutPrefix(text, "file://"); ok {
		return r.include(file, name, depth)
	}
	for _, form := range forms {
		found := form.FindAllStringSubmatch(" "+strings.TrimSpace(text), -1)
		for _, m := range found {
			r.set(unquote(m[1]), m[2])
		}
		if len(found) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%.80q is not of the form NAME=VALUE", text)
}

// include adds the overrides of another file.
func (r *reader) include(file, name string, depth int) error {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(file), name)
	}
	if len(r.config.Files) >= maxIncludes {
		return fmt.Errorf("more than %d files are named", maxIncludes)
	}
	r.config.Files = append(r.config.Files, name)
	data, err := r.read(name)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, err)
	}
	value, err := decodeAny(name, data)
	if err != nil {
		return err
	}
	return r.overrides(name, value, depth+1)
}

func (r *reader) set(name, value string) { r.config.Parameters[name] = unquote(value) }

// unquote removes quotes around a text, and backslashes within, as SAM does.
func unquote(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		s = s[1 : n-1]
	}
	return strings.NewReplacer(`\ `, ` `, `\"`, `"`, `\'`, `'`).Replace(s)
}

// listOf is a value of a map as the text of a parameter: a list has commas.
func listOf(value any) string {
	items, ok := value.([]any)
	if !ok {
		return textOf(value)
	}
	var texts []string
	for _, item := range items {
		if text := strings.TrimSpace(textOf(item)); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, ",")
}

// textOf is a single value as a text; true is True, as in SAM, which is written in Python.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "True"
		}
		return "False"
	case map[string]any, []any:
		return "a list or a map"
	}
	return fmt.Sprint(value)
}

// Package samconfig reads the configuration of SAM's command: samconfig.toml, or the same in YAML or JSON.
//
//	c, err := samconfig.Parse("samconfig.toml", data, "default", os.ReadFile)
//	// c.Template, c.StackName, c.Region, c.Parameters
//
// A file has environments, of which "default" is one, and these have sections for commands, with parameters:
// [default.deploy.parameters]. The package reads the sections of [Commands]; a later one takes precedence, as a
// whole for each parameter, as with SAM.
package samconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v4"
)

// Names are the possible names of the file, in the order in which SAM looks.
var Names = []string{"samconfig.toml", "samconfig.yaml", "samconfig.yml", "samconfig.json"}

// Commands are those whose sections count: deployment first, then commands for this machine.
var Commands = []string{"global", "deploy", "build", "local_invoke", "local_start_lambda"}

// DefaultEnvironment is the environment that SAM reads unless told otherwise.
const DefaultEnvironment = "default"

// Config is the content of a file.
type Config struct {
	// Template is the path of the template, as it is written; may be empty.
	Template string
	// StackName and Region may be empty.
	StackName, Region string
	// Parameters are the values of parameters of the template.
	Parameters map[string]string
	// Files are those that parameter_overrides names.
	Files []string
}

const (
	maxSize     = 64 << 10 // bytes of a file
	maxIncludes = 20       // files that others name
)

// Parse reads a file in the format of its extension. read reads files that it names, by their path beside it. A
// missing environment is an error, unless it is the default.
func Parse(file string, data []byte, environment string, read func(string) ([]byte, error)) (*Config, error) {
	document, err := decode(file, data)
	if err != nil {
		return nil, err
	}
	all, ok := document[environment].(map[string]any)
	if !ok && environment != DefaultEnvironment {
		return nil, fmt.Errorf("%s has no environment %q%s", file, environment, has(document))
	}
	r := &reader{file: file, read: read, config: &Config{Parameters: map[string]string{}}}
	for _, command := range Commands {
		section, _ := all[command].(map[string]any)
		parameters, _ := section["parameters"].(map[string]any)
		if err := r.section(command, parameters); err != nil {
			return nil, err
		}
	}
	return r.config, nil
}

// has lists the environments of a file.
func has(document map[string]any) string {
	var names []string
	for name, value := range document {
		if _, ok := value.(map[string]any); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return ", but " + strings.Join(names[:min(len(names), 10)], ", ")
}

// decode reads a file into maps, lists and values.
func decode(file string, data []byte) (map[string]any, error) {
	value, err := decodeAny(file, data)
	if err != nil {
		return nil, err
	}
	document, ok := value.(map[string]any)
	if !ok && value != nil {
		return nil, fmt.Errorf("%s is not a map", file)
	}
	return document, nil
}

func decodeAny(file string, data []byte) (value any, err error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s has %d bytes; the most is %d", file, len(data), maxSize)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch filepath.Ext(file) {
	case ".toml":
		var document map[string]any
		err = toml.Unmarshal(data, &document)
		value = document
		if where, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := where.Position()
			err = fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
	case ".yaml", ".yml":
		if len(bytes.TrimSpace(data)) > 0 {
			err = yaml.Load(data, &value)
		}
	case ".json":
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(&value)
	default:
		return nil, fmt.Errorf("%s is none of TOML, YAML and JSON", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %s", file, strings.Join(strings.Fields(err.Error()), " "))
	}
	return value, nil
}

// reader takes the parameters of commands.
type reader struct {
	file   string
	read   func(string) ([]byte, error)
	config *Config
}

func (r *reader) section(command string, parameters map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		value := parameters[key]
		var set *string
		switch key {
		case "template", "template_file":
			if command == "deploy" && strings.Contains(fmt.Sprint(value), ".aws-sam") {
				continue // what sam build has made of the template
			}
			set = &r.config.Template
		case "stack_name":
			set = &r.config.StackName
		case "region":
			set = &r.config.Region
		case "parameter_overrides":
			r.config.Parameters = map[string]string{}
			if err := r.overrides(r.file, value, 0); err != nil {
				return fmt.Errorf("%s: parameter_overrides of %s: %w", r.file, command, err)
			}
			continue
		default:
			continue
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("%s: %s of %s is a text, not %s", r.file, key, command, textOf(value))
		}
		*set = text
	}
	return nil
}

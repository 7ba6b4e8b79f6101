package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/function/samconfig"
)

// configuration reads how SAM's command is configured in dir. files are those
// that say so, or would.
func (f *templateFlags) configuration(dir string) (config *samconfig.Config, files []string, err error) {
	for _, name := range samconfig.Names {
		file := filepath.Join(dir, name)
		files = append(files, file)
		data, err := readSmall(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, cli.Usagef("cannot read the configuration of the template: %v", err)
		}
		config, err := samconfig.Parse(file, data, f.configEnv, readSmall)
		if err != nil {
			return nil, nil, cli.Usagef("%v", err)
		}
		return config, append(files, config.Files...), nil
	}
	if f.configEnv != samconfig.DefaultEnvironment {
		return nil, nil, cli.Usagef("there is no %s in %s, of which --config-env could be one", samconfig.Names[0], dir)
	}
	return &samconfig.Config{}, files, nil
}

// maxTemplate is more than the packages that read such files take.
const maxTemplate = 5 << 20

// readSmall reads a file of people, or the beginning of one that is too large
// to be meant so.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxTemplate))
}

package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/protocol"
)

// assetPrefix begins the paths of style sheets, scripts and pictures.
const assetPrefix = Prefix + "static/"

// assetFiles serves the assets but for templates. The address of each ends with a hash of it, so browsers keep it
// until it is another.
type assetFiles struct {
	files  map[string][]byte // by path below assetPrefix
	hashes map[string]string
}

func newAssetFiles(from fs.FS) *assetFiles {
	a := &assetFiles{files: map[string][]byte{}, hashes: map[string]string{}}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		data, err := fs.ReadFile(from, name)
		sum := sha256.Sum256(data)
		a.files[name], a.hashes[name] = data, hex.EncodeToString(sum[:6])
		return err
	})
	if err != nil {
		panic(err) // the assets are part of the program
	}
	return a
}

// address is where browsers find a file; empty if there is none.
func (a *assetFiles) address(name string) string {
	if a.files[name] == nil {
		return ""
	}
	return assetPrefix + name + "?" + a.hashes[name]
}

// serve answers with a file.
func (a *assetFiles) serve(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(r.URL.Path, assetPrefix)
	data, ok := a.files[name]
	if !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no such file.")
	}
	if r.URL.RawQuery == a.hashes[name] {
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	return nil
}

// templates are those of the pages, by name. Each is parsed when it is first needed: together they take 3 MB, which an
// engine that nobody looks at can do without.
type templates map[string]func() *template.Template

// parse reads the template of each page, with the layout and the parts that all may use.
func parse(files fs.FS, assets *assetFiles) templates {
	pages := templates{}
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil || len(names) == 0 {
		panic("page: the templates are missing")
	}
	for _, name := range names {
		pages[strings.TrimSuffix(path.Base(name), ".html")] = sync.OnceValue(func() *template.Template {
			t := template.New("").Funcs(words).Funcs(template.FuncMap{"asset": assets.address})
			return template.Must(t.ParseFS(files, "layout.html", "parts/*.html", name))
		})
	}
	return pages
}

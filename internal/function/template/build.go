package template

// readBuild reads the Metadata that tell how a function is built.
func (f *functionReader) readBuild(metadata *node) {
	defer f.of("Metadata")()
	if method, ok := f.text(metadata.get("BuildMethod")); ok {
		f.Build.Method = method
	}
	if skip, ok := f.text(metadata.get("SkipBuild")); ok {
		f.Build.Skip = skip == "true"
	}
	f.readBuildProperties(f.resolve(metadata.get("BuildProperties")))
}

func (f *functionReader) readBuildProperties(n *node) {
	if n == nil || n.null {
		return
	}
	if n.form != mapping {
		f.fail(n.pos, "BuildProperties of %s are a map, not %s", f.id, n.form)
		return
	}
	f.Build.Properties = map[string][]string{}
	for _, e := range n.entries {
		if texts, ok := f.flat(e.value); ok {
			f.Build.Properties[e.key.text] = texts
		}
	}
}

// flat is a value as texts: a map as key=value.
func (f *functionReader) flat(n *node) (texts []string, ok bool) {
	v := f.resolve(n)
	if v == nil {
		return nil, false
	}
	switch v.form {
	case scalar:
		text, ok := f.text(v)
		return []string{text}, ok
	case list:
		for _, item := range v.items {
			if text, ok := f.text(item); ok {
				texts = append(texts, text)
			}
		}
	case mapping:
		for _, e := range v.entries {
			if text, ok := f.text(e.value); ok {
				texts = append(texts, e.key.text+"="+text)
			}
		}
	}
	return texts, true
}

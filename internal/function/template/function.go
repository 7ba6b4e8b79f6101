package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of AWS for what a template says of a function.
const (
	maxName             = 64
	maxTimeout          = 900
	minMemory           = 128
	maxMemory           = 32768
	maxConcurrency      = 100_000
	maxPerProcess       = 1600
	maxExecutionTimeout = 31_622_400
	maxRetention        = 90
)

// function reads a function; nil if it cannot be run here, which is told.
func (r *reader) function(id string) (f *Function) {
	mistakes := r.within(func() { f = r.readFunction(id) })
	for _, e := range mistakes {
		r.warn(e.Position, KindFunction, id, "%s is not served: %s", id, e.Text)
	}
	if len(mistakes) > 0 || r.over != nil {
		return nil
	}
	return f
}

func (r *reader) readFunction(id string) *Function {
	resource := r.resources.byName[id]
	p := r.properties(id)
	if p == nil {
		p = &node{pos: resource.pos, form: mapping}
	}
	if p.form != mapping || p.call != "" {
		r.fail(p.pos, "the Properties of %s are a map, not %s", id, p.kind())
		return nil
	}
	f := &functionReader{reader: r, p: p, id: id, Function: &Function{
		Position: r.resources.keys[id].pos, LogicalID: id,
		Timeout: 3 * time.Second, MemoryMB: 128,
	}}
	r.checkProperties(id, p)
	if f.isImage() || !f.readCode(resource) {
		return nil
	}
	f.readSettings()
	f.optional("Metadata of "+id, func() { f.readBuild(resource.get("Metadata")) })
	f.readEnvironment()
	f.optional("Layers of "+id, f.readLayers)
	f.optional("Events of "+id, f.readEvents)
	return f.Function
}

// functionReader fills in a Function.
type functionReader struct {
	*reader
	*Function
	p  *node // the function's properties
	id string
}

// of says what values are worked out for, until done is called.
func (f *functionReader) of(what string) (done func()) {
	f.about = what + " of " + f.id
	return func() { f.about = "" }
}

// one reads a property that is a single text.
func (f *functionReader) one(name string) (string, bool) {
	defer f.of(name)()
	return f.text(f.p.get(name))
}

// number reads a property that is a whole number; missing leaves what is there.
func (f *functionReader) number(set *int, properties *node, name string, least, most int) {
	defer f.of(name)()
	n := properties.get(name)
	if n == nil {
		return
	}
	text, ok := f.text(n)
	if !ok {
		return
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		f.fail(n.pos, "%s of %s is %s; it must be a whole number between %d and %d", name, f.id, quoted(text),
			least, most)
		return
	}
	*set = value
}

// isImage reports whether the function is a container image.
func (f *functionReader) isImage() bool {
	kind, _ := f.one("PackageType")
	image := f.p.get("ImageUri")
	if image == nil {
		image = f.p.get("Code").get("ImageUri")
	}
	if kind != "Image" && image == nil {
		return false
	}
	at := f.Position
	if image != nil {
		at = image.pos
	}
	f.warn(at, KindImage, f.id, "%s is a container image, which is not run here; it is left out", f.id)
	return true
}

// readCode finds where the code is; false if that is not on this machine.
func (f *functionReader) readCode(resource *node) bool {
	if asset := resource.get("Metadata").get("aws:asset:path"); asset != nil && asset.form == scalar {
		f.CodeURI, f.Build.Skip = asset.text, true // what the CDK has bundled
		return asset.text != ""
	}
	for _, name := range []string{"InlineCode", "CodeUri", "Code"} {
		n := f.p.get(name)
		if n == nil || n.null {
			continue
		}
		done := f.of(name)
		v := f.resolve(n)
		done()
		switch {
		case v == nil:
			f.fail(n.pos, "%s of %s cannot be known here", name, f.id)
			return false
		case v.gone || v.null:
		case name == "InlineCode":
			return f.readInline(v)
		default:
			return f.readLocation(name, v)
		}
	}
	if typeOf(resource) == typeFunction {
		f.fail(f.Position, "%s has no Code: name the directory of its code", f.id)
		return false
	}
	f.CodeURI = "." // SAM's default: where the template is
	return true
}

func (f *functionReader) readLocation(name string, v *node) bool {
	defer f.of(name)()
	switch {
	case v.form == mapping && v.get("ZipFile") != nil:
		return f.readInline(v.get("ZipFile"))
	case v.form == mapping, strings.HasPrefix(v.text, "s3://"), strings.HasPrefix(v.text, "https://"):
		f.warn(v.pos, KindCode, f.id, "%s has its code in S3, not in a directory here; it is left out", f.id)
		return false
	}
	uri, ok := f.text(v)
	if ok && (uri == "" || strings.ContainsRune(uri, 0)) || !ok {
		f.fail(v.pos, "%s of %s is no directory", name, f.id)
		return false
	}
	f.CodeURI = uri
	return true
}

// readInline reads code that is in the template, of a language that has no compiler.
func (f *functionReader) readInline(n *node) bool {
	runtime, _ := f.one("Runtime")
	if !strings.HasPrefix(runtime, "python") && !strings.HasPrefix(runtime, "nodejs") {
		f.warn(n.pos, KindCode, f.id, "%s has its code in the template, which is run here for Python and Node.js "+
			"only, not for %s; it is left out", f.id, quoted(runtime))
		return false
	}
	defer f.of("the code")()
	code, ok := f.text(n)
	if !ok || code == "" {
		f.fail(n.pos, "the code of %s cannot be known here", f.id)
		return false
	}
	if strings.Contains(code, "cfnresponse") || strings.Contains(code, "cfn-response") {
		f.warn(n.pos, KindProperty, f.id, "%s uses cfn-response, which AWS puts beside code in a template, and "+
			"which is not here", f.id)
	}
	f.Inline = code
	return true
}

// readSettings reads the properties that are single values.
func (f *functionReader) readSettings() {
	f.readName()
	f.Handler = f.required("Handler")
	f.Runtime = f.required("Runtime")
	f.optional("Architectures of "+f.id, f.readArchitecture)

	seconds := 3
	f.number(&seconds, f.p, "Timeout", 1, maxTimeout)
	f.Timeout = time.Duration(seconds) * time.Second
	f.number(&f.MemoryMB, f.p, "MemorySize", minMemory, maxMemory)
	f.number(&f.Concurrency, f.p, "ReservedConcurrentExecutions", 0, maxConcurrency)
	f.readCapacity()
	f.readDurable()
	f.optional("AutoPublishAlias of "+f.id, func() {
		if alias, ok := f.one("AutoPublishAlias"); ok {
			f.addAlias(alias)
		}
	})
	f.readTenancy()
	f.optional("LoggingConfig of "+f.id, f.readLogging)
}

func (f *functionReader) readName() {
	name := f.functionName(&node{pos: f.Position}, f.id)
	if name == nil {
		return
	}
	f.Name = name.text
	if !validName(f.Name) {
		at := f.Position
		if given := f.p.get("FunctionName"); given != nil {
			at = given.pos
		}
		f.fail(at, "%s cannot be a function's name here: one has 1 to %d letters, digits, - and _",
			quoted(f.Name), maxName)
	}
}

func validName(name string) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= maxName
}

func (f *functionReader) required(name string) string {
	text, ok := f.one(name)
	if !ok || text == "" {
		at := f.Position
		if n := f.p.get(name); n != nil {
			at = n.pos
		}
		f.fail(at, "%s has no %s", f.id, name)
	}
	return text
}

func (f *functionReader) readArchitecture() {
	n := f.p.get("Architectures")
	if n == nil {
		return
	}
	defer f.of("Architectures")()
	items, ok := f.values(n)
	if !ok || len(items) == 0 {
		return
	}
	text, _ := f.text(items[len(items)-1])
	if text != "x86_64" && text != "arm64" {
		f.fail(n.pos, "an architecture is x86_64 or arm64, not %s", quoted(text))
		return
	}
	f.Architecture = text
}

// mapOf works out a property that is a map of its own.
func (f *functionReader) mapOf(name string) *node {
	n := f.p.get(name)
	if n == nil {
		return nil
	}
	defer f.of(name)()
	v := f.resolve(n)
	if v == nil || v.null {
		return nil
	}
	if v.form != mapping {
		f.fail(v.pos, "%s of %s is a map, not %s", name, f.id, v.form)
		return nil
	}
	return v
}

func (f *functionReader) readDurable() {
	n := f.mapOf("DurableConfig")
	if n == nil {
		return
	}
	seconds := 0
	f.Durable = &Durable{}
	if n.get("ExecutionTimeout") == nil {
		f.fail(n.pos, "the DurableConfig of %s has no ExecutionTimeout: the seconds that an execution may take", f.id)
	}
	f.number(&seconds, n, "ExecutionTimeout", 1, maxExecutionTimeout)
	f.number(&f.Durable.RetentionDays, n, "RetentionPeriodInDays", 1, maxRetention)
	f.Durable.ExecutionTimeout = time.Duration(seconds) * time.Second
	f.checkKeys("DurableConfig", n, "ExecutionTimeout", "RetentionPeriodInDays", "KMSKeyArn", "KmsKeyArn")
}

// readCapacity reads how many invocations a process runs at one time, as Managed Instances let functions do. The rest
// says where those instances are.
func (f *functionReader) readCapacity() {
	n := f.mapOf("CapacityProviderConfig")
	if inner := n.get("LambdaManagedInstancesCapacityProviderConfig"); inner != nil { // CloudFormation's form
		defer f.of("CapacityProviderConfig")()
		n = f.resolve(inner)
	}
	f.number(&f.PerProcess, n, "PerExecutionEnvironmentMaxConcurrency", 1, maxPerProcess)
}

// checkKeys warns of what is not known in a property.
func (f *functionReader) checkKeys(property string, n *node, known ...string) {
	for _, e := range n.entries {
		if !slices.Contains(known, e.key.text) {
			f.warn(e.key.pos, KindProperty, property+"."+e.key.text, "%s in %s of %s is not known%s; it is left out",
				quoted(e.key.text), property, f.id, didYouMean(e.key.text, known))
		}
	}
}

func (f *functionReader) readTenancy() {
	n := f.mapOf("TenancyConfig")
	if n == nil {
		return
	}
	defer f.of("TenantIsolationMode")()
	switch mode, ok := f.text(n.get("TenantIsolationMode")); {
	case !ok:
	case mode == "PER_TENANT":
		f.PerTenant = true
	default:
		f.fail(n.pos, "the TenantIsolationMode of %s is PER_TENANT or nothing, not %s", f.id, quoted(mode))
	}
}

func (f *functionReader) readLogging() {
	n := f.mapOf("LoggingConfig")
	if n == nil {
		return
	}
	defer f.of("LoggingConfig")()
	f.LogFormat, _ = f.text(n.get("LogFormat"))
	f.LogLevel, _ = f.text(n.get("ApplicationLogLevel"))
	f.checkKeys("LoggingConfig", n, "LogFormat", "ApplicationLogLevel", "SystemLogLevel", "LogGroup")
}

func (f *functionReader) readEnvironment() {
	n := f.mapOf("Environment")
	if n == nil {
		return
	}
	done := f.of("Environment")
	variables := f.resolve(n.get("Variables"))
	done()
	f.checkKeys("Environment", n, "Variables")
	if variables == nil || variables.null {
		return
	}
	if variables.form != mapping {
		f.fail(variables.pos, "the Variables of %s are a map, not %s", f.id, variables.form)
		return
	}
	f.Environment = map[string]string{}
	for _, e := range variables.entries {
		f.optional(fmt.Sprintf("the variable %s of %s", e.key.text, f.id), func() { f.readVariable(e) })
	}
}

func (f *functionReader) readVariable(e entry) {
	name := e.key.text
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "Fn::") {
		f.fail(e.key.pos, "%s cannot be the name of a variable", quoted(name))
		return
	}
	v := f.resolve(e.value)
	if v == nil || v.gone {
		return // which was told, or is meant so
	}
	if v.null {
		f.warn(e.key.pos, KindProperty, name, "the variable %s of %s has no value; it is left out", name, f.id)
		return
	}
	text, ok := f.text(v)
	switch {
	case ok && strings.ContainsRune(text, 0):
		f.fail(e.value.pos, "the value holds a zero byte")
	case ok:
		f.Environment[name] = text
	}
}

// readLayers tells which layers are missing.
func (f *functionReader) readLayers() {
	n := f.p.get("Layers")
	if n == nil || n.null || n.form == list && n.call == "" && len(n.items) == 0 {
		return
	}
	f.warn(n.pos, KindProperty, "Layers", "Layers of %s has no effect here: the function runs without its layers", f.id)
}

// readEvents warns of each event: nothing here calls functions by itself.
func (f *functionReader) readEvents() {
	n := f.mapOf("Events")
	if n == nil {
		return
	}
	for _, e := range n.entries {
		typ := typeOf(e.value)
		if typ == "" {
			typ = "unknown type"
		}
		f.warn(e.key.pos, KindEvent, e.key.text, "the event %s (%s) does not call %s here; invoke it by its name",
			e.key.text, typ, f.id)
	}
}

// readBuild reads the Metadata: how a function is built, and what AWS does not know of it.
func (f *functionReader) readBuild(metadata *node) {
	defer f.of("Metadata")()
	if method, ok := f.text(metadata.get("BuildMethod")); ok {
		f.Build.Method = method
	}
	if skip, ok := f.text(metadata.get("SkipBuild")); ok {
		f.Build.Skip = skip == "true"
	}
	f.readCrashes(metadata.get("PerdureMaxCrashes"))
	f.readBuildProperties(f.resolve(metadata.get("BuildProperties")))
}

func (f *functionReader) readCrashes(n *node) {
	limit, ok := f.text(n)
	if !ok {
		return
	}
	if f.Durable == nil {
		f.warn(n.pos, KindProperty, "PerdureMaxCrashes",
			"PerdureMaxCrashes of %s has no effect: the function is not durable", f.id)
		return
	}
	if err := f.Durable.Crashes.UnmarshalText([]byte(limit)); err != nil {
		f.fail(n.pos, "PerdureMaxCrashes of %s: %v", f.id, err)
	}
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

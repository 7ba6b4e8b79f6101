package template

import "slices"

// effect says what a property of a function means here.
type effect int

const (
	unknownProperty effect = iota
	used                   // it is read
	cloudOnly              // it changes nothing that could be seen here
	noEffect               // it would change something, and does not here
)

// effects are the properties of both types of functions.
var effects = map[string]effect{
	"FunctionName": used, "CodeUri": used, "Code": used, "ImageUri": used, "InlineCode": used, "PackageType": used,
	"Handler": used, "Runtime": used, "Architectures": used, "Environment": used, "Timeout": used, "MemorySize": used,
	"DurableConfig": used, "AutoPublishAlias": used, "ReservedConcurrentExecutions": used, "TenancyConfig": used,
	"LoggingConfig": used, "Events": used, "Layers": used, "CapacityProviderConfig": used,

	"Description": cloudOnly, "Role": cloudOnly, "Policies": cloudOnly, "PermissionsBoundary": cloudOnly,
	"AssumeRolePolicyDocument": cloudOnly, "RolePath": cloudOnly, "Tags": cloudOnly, "PropagateTags": cloudOnly,
	"Tracing": cloudOnly, "TracingConfig": cloudOnly, "VpcConfig": cloudOnly, "KmsKeyArn": cloudOnly,
	"SourceKMSKeyArn": cloudOnly, "CodeSigningConfigArn": cloudOnly, "DeploymentPreference": cloudOnly,
	"AutoPublishCodeSha256": cloudOnly, "AutoPublishAliasAllProperties": cloudOnly, "VersionDescription": cloudOnly,
	"VersionDeletionPolicy": cloudOnly, "ProvisionedConcurrencyConfig": cloudOnly, "RuntimeManagementConfig": cloudOnly,
	"SnapStart": cloudOnly, "RecursiveLoop": cloudOnly, "EphemeralStorage": cloudOnly,
	"FunctionScalingConfig": cloudOnly, "PublishToLatestPublished": cloudOnly, "ImageConfig": cloudOnly,

	"FileSystemConfigs": noEffect, "FunctionUrlConfig": noEffect, "EventInvokeConfig": noEffect,
	"DeadLetterQueue": noEffect, "DeadLetterConfig": noEffect,
}

// ineffective says what is missing without the properties that have no effect.
var ineffective = map[string]string{
	"FileSystemConfigs": "no file system is mounted",
	"FunctionUrlConfig": "there is no URL; invoke the function by its name",
	"EventInvokeConfig": "failed events go nowhere",
	"DeadLetterQueue":   "failed events go nowhere",
	"DeadLetterConfig":  "failed events go nowhere",
}

// checkProperties warns of the properties of owner that differ from AWS.
func (r *reader) checkProperties(owner string, properties *node) {
	var known []string
	for name := range effects {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, e := range properties.entries {
		name := e.key.text
		if name == "Fn::Transform" {
			r.warn(e.key.pos, KindTransform, name,
				"what Fn::Transform brings into %s is known to AWS only; it is left out", owner)
			continue
		}
		switch effects[name] {
		case noEffect:
			r.warn(e.key.pos, KindProperty, name, "%s of %s has no effect here: %s", name, owner, ineffective[name])
		case unknownProperty:
			r.warn(e.key.pos, KindProperty, name, "%s of %s is not known%s; it is left out", quoted(name), owner,
				didYouMean(name, known))
		}
	}
}

// properties returns those of the function id, with those of Globals.
func (r *reader) properties(id string) *node {
	if known, ok := r.merged[id]; ok {
		return known
	}
	resource := r.resources.byName[id]
	own := r.expand(resource.get("Properties"))
	if own != nil && own.null {
		own = nil
	}
	if typeOf(resource) == typeServerless {
		own = r.merge(r.globals(resource), own, "")
	}
	r.merged[id] = own
	return own
}

// globals are the properties of functions in Globals, without those that IgnoreGlobals names.
func (r *reader) globals(resource *node) *node {
	all := r.expand(r.root.get("Globals").get("Function"))
	ignored := resource.get("IgnoreGlobals")
	switch {
	case all == nil || all.form != mapping || all.call != "":
		return nil
	case ignored == nil || ignored.call != "":
		return all
	case ignored.form == scalar && ignored.text == "*":
		return nil
	}
	rest := *all
	rest.entries = slices.DeleteFunc(slices.Clone(all.entries), func(e entry) bool {
		return slices.ContainsFunc(ignored.items, func(item *node) bool { return item.text == e.key.text })
	})
	return &rest
}

// merge lays own over global as SAM does: it merges maps key by key, appends lists, except Architectures, and
// replaces anything else.
func (r *reader) merge(global, own *node, property string) *node {
	switch {
	case own == nil:
		return global
	case global == nil || own.form != global.form || own.call != "" || global.call != "" || !r.spend(own):
		return own
	case own.form == list && property != "Architectures":
		r.work += len(global.items)
		return &node{pos: own.pos, form: list, items: slices.Concat(global.items, own.items)}
	case own.form != mapping:
		return own
	}
	both := &node{pos: own.pos, form: mapping}
	places := map[string]int{}
	for _, e := range global.entries {
		both.put(places, e)
	}
	for _, e := range own.entries {
		if i, ok := places[e.key.text]; ok {
			e.value = r.merge(both.entries[i].value, e.value, e.key.text)
		}
		both.put(places, e)
	}
	r.work += len(both.entries)
	return both
}

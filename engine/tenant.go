package engine

import "github.com/perdure/perdure/protocol"

// CheckTenant refuses an invocation without a tenant of a function that keeps
// its tenants apart, and, as only AWS does, one with a tenant of any other
// function.
func (f *Function) CheckTenant(tenantID string, strict bool) error {
	switch {
	case f.PerTenant && tenantID == "":
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.")
	case strict && !f.PerTenant && tenantID != "":
		return protocol.Errorf(protocol.CodeInvalidParameter,
			"The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.")
	}
	return nil
}

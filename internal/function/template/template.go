package template

import (
	"cmp"
	"time"

	"github.com/perdure/perdure/engine"
)

// Options say what a template is read with. The zero value, like nil, is the default.
type Options struct {
	// Parameters takes precedence over Configured, and that over the defaults of the parameters. An unknown
	// parameter is an error in Parameters, and a warning in Configured. For a parameter that AWS looks up in SSM,
	// Parameters has the value, and Configured the key.
	Parameters, Configured map[string]string
	// Region and Account are those of the engine that will run the functions; the defaults are us-east-1 and
	// 000000000000.
	Region, Account string
	// StackName is the value of AWS::StackName; the default is "local".
	StackName string
	// Read returns the content of a nested template, by its path beside the file that names it. Without it, nested
	// templates are not read.
	Read func(file string) ([]byte, error)
}

func (o *Options) withDefaults() Options {
	var own Options
	if o != nil {
		own = *o
	}
	own.Region = cmp.Or(own.Region, "us-east-1")
	own.Account = cmp.Or(own.Account, "000000000000")
	own.StackName = cmp.Or(own.StackName, "local")
	return own
}

// Template is a template after reading.
type Template struct {
	// Functions are those that can be run here, in the order of the template.
	Functions []*Function
	// Warnings tell the differences from AWS, in the order of the template; those of nested templates come behind.
	Warnings []*Warning
	// Files are the nested templates, even if they could not be read.
	Files []string
}

// Function is one function of a template.
type Function struct {
	Position  Position // of its resource
	LogicalID string
	// Name is FunctionName. Without one it is the logical id; AWS would add the stack's name and random characters.
	// The logical id of a nested application stands in front of it, with a hyphen.
	Name string

	// CodeURI is the directory, or the archive, of the code, relative to the template at Position unless it is
	// absolute. It is empty if the code is in the template.
	CodeURI string
	// Inline is the code, if that is in the template: of a file called index.
	Inline  string
	Handler string
	Runtime string
	// Architecture is x86_64, arm64, or empty, which is x86_64 on AWS.
	Architecture string
	Build        Build

	// Environment are the function's variables. Those with an unknown value are missing, with a warning.
	Environment map[string]string
	Timeout     time.Duration // of one invocation; 3 s unless set
	MemoryMB    int           // 128 unless set
	Concurrency int           // ReservedConcurrentExecutions; 0 if not set
	PerProcess  int           // PerExecutionEnvironmentMaxConcurrency; 0 if not set
	// Durable is nil for a plain function.
	Durable *Durable
	// PerTenant: each process serves one tenant only.
	PerTenant bool
	// Aliases point to the function: AutoPublishAlias, and resources of type AWS::Lambda::Alias.
	Aliases []string
	// LogFormat is Text, JSON, or empty; LogLevel is for the format JSON.
	LogFormat, LogLevel string
}

// Durable is a function's DurableConfig.
type Durable struct {
	ExecutionTimeout time.Duration
	RetentionDays    int // 0 if not set
	// Crashes is PerdureMaxCrashes in the function's Metadata, which AWS ignores.
	Crashes engine.CrashLimit
}

// Build is the Metadata of a function about its build.
type Build struct {
	// Method is BuildMethod; empty leaves it to the runtime.
	Method string
	// Skip: the code runs as it is.
	Skip bool
	// Properties are BuildProperties. A single value is a list of one.
	Properties map[string][]string
}

package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// inherited are the variables that a process takes from the engine, because a program needs them to find its way on
// this machine. All else stays out: a developer's credentials must not reach a real account from a function under
// test, and a function that works here because of a stray variable would fail on Lambda.
var inherited = []string{
	// Programs that the function runs, and files that they keep.
	"PATH", "HOME", "TMPDIR", "USER", "LANG", "LC_ALL",
	// The way out of this network, and the authorities it is signed by.
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
	// Windows does not run programs without these.
	"SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "PATHEXT",
}

// credentials are the variables of which any says where to find credentials.
var credentials = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
}

// environment is the environment of one process, sorted. Later ones take precedence: inherited, defaults, the
// language's, the function's own, those that identify the function.
func (p *Pool) environment(endpoint string) []string {
	env := make(map[string]string)
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	p.addDefaults(env)
	maps.Copy(env, p.cfg.RuntimeEnv)
	maps.Copy(env, p.cfg.Env)
	p.addRuntime(env, endpoint)

	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

func (p *Pool) addDefaults(env map[string]string) {
	env["TZ"] = ":UTC"
	env["LAMBDA_RUNTIME_DIR"] = p.taskRoot()
	env["AWS_LAMBDA_LOG_FORMAT"] = "Text"
	env["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR"
	for _, name := range credentials {
		if _, ok := p.cfg.Env[name]; ok {
			return
		}
	}
	// SDKs refuse to send a request without any.
	env["AWS_ACCESS_KEY_ID"] = "perdure"
	env["AWS_SECRET_ACCESS_KEY"] = "perdure"
	env["AWS_SESSION_TOKEN"] = "perdure"
}

func (p *Pool) addRuntime(env map[string]string, endpoint string) {
	env["_HANDLER"] = p.cfg.Handler
	env["AWS_LAMBDA_RUNTIME_API"] = endpoint
	env["LAMBDA_TASK_ROOT"] = p.taskRoot()
	env["AWS_LAMBDA_FUNCTION_NAME"] = p.cfg.Name
	env["AWS_LAMBDA_FUNCTION_VERSION"] = p.cfg.Version
	env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(cmp.Or(p.cfg.MemoryMB, 128))
	env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
	if p.cfg.Concurrency > 1 {
		env["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(p.cfg.Concurrency)
		env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "lambda-managed-instances"
		env["AWS_LAMBDA_LOG_FORMAT"] = "JSON" // as on Managed Instances: lines must name their invocation
	}
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + p.cfg.Name
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = logStream(p.cfg.Version)
	env["AWS_REGION"] = p.cfg.Region
	env["AWS_DEFAULT_REGION"] = p.cfg.Region
	env["AWS_ACCOUNT_ID"] = p.cfg.Account
	if p.cfg.LambdaEndpoint != "" {
		env["AWS_ENDPOINT_URL_LAMBDA"] = p.cfg.LambdaEndpoint
	}
}

func (p *Pool) taskRoot() string {
	root, err := filepath.Abs(p.cfg.Dir)
	if err != nil {
		return p.cfg.Dir
	}
	return root
}

// logStream makes a name for the log of one process, in Lambda's form.
func logStream(version string) string {
	var id [16]byte
	rand.Read(id[:])
	return time.Now().UTC().Format("2006/01/02") + "/[" + version + "]" + hex.EncodeToString(id[:])
}

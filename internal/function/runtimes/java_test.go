//go:build unix

package runtimes_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/function/runtimes"
)

const javaSeen = `package example;

import java.util.HashMap;
import java.util.Map;

public class Handler {
  public Map<String, Object> handle(Map<String, Object> event, com.amazonaws.services.lambda.runtime.Context context) {
    if (event.containsKey("fail")) throw new IllegalStateException("no stock");
    Map<String, Object> seen = new HashMap<>();
    seen.put("Event", event);
    seen.put("RequestID", context.getAwsRequestId());
    seen.put("Name", context.getFunctionName());
    seen.put("ARN", context.getInvokedFunctionArn());
    seen.put("Memory", context.getMemoryLimitInMB());
    seen.put("Remaining", context.getRemainingTimeInMillis());
    seen.put("Trace", System.getProperty("com.amazonaws.xray.traceHeader"));
    seen.put("Env", System.getenv());
    seen.put("Cwd", System.getProperty("user.dir"));
    return seen;
  }
}
`

// javaFunction compiles a handler. The runtime client must be in the cache to
// compile against, so a first Resolve installs it.
func javaFunction(t *testing.T, opts *runtimes.Options) runtimes.Code {
	t.Helper()
	dir := t.TempDir()
	code := runtimes.Code{Runtime: "java17", Handler: "example.Handler::handle", Dir: dir}
	if _, err := runtimes.Resolve(t.Context(), code, opts); err != nil {
		t.Fatal(err)
	}
	core, _ := filepath.Glob(filepath.Join(opts.Cache, "runtimes", "java-*", "aws-lambda-java-core-*.jar"))
	if len(core) == 0 {
		t.Fatal("the runtime client was installed without aws-lambda-java-core")
	}
	source := filepath.Join(t.TempDir(), "Handler.java")
	if err := os.WriteFile(source, []byte(javaSeen), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("javac", "-d", dir, "-cp", core[0], source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return code
}

func TestJavaSeesWhatLambdaShows(t *testing.T) {
	need(t, "javac")
	need(t, "mvn")
	opts := options(t, true)
	code := javaFunction(t, opts)
	f := start(t, code, opts, nil)
	var got seen
	inv := f.answer(`{"item":"book"}`, &got)
	got.check(t, inv, code)
	out := f.fails(`{"fail":true}`, "java.lang.IllegalStateException")
	if !strings.Contains(out.Error.ErrorMessage, "no stock") {
		t.Errorf("got message %q, want one with %q", out.Error.ErrorMessage, "no stock")
	}
	code.Handler = "example.Nobody::handle"
	start(t, code, opts, nil).fails(`{}`, "java.lang.ClassNotFoundException")
}

package runtimes

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	javaRIC     = "aws-lambda-java-runtime-interface-client"
	javaRICFull = "com.amazonaws:" + javaRIC + ":2.9.0"
	javaMain    = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
)

// hasJava reports whether dir holds a built function in Java, as SAM and Maven leave it: classes beside a lib
// directory of jars, or one jar.
func hasJava(dir string) bool {
	return len(jars(filepath.Join(dir, "lib"))) > 0 || len(jars(dir)) > 0
}

func jars(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "*.jar"))
	return found
}

func resolveJava(ctx context.Context, code Code, opts *Options) (*Process, error) {
	if code.Handler == "" {
		return nil, errorf("a function in Java needs a handler").hintf("name the class, such as example.Handler or example.Handler::handleRequest")
	}
	java, err := findJava()
	if err != nil {
		return nil, err
	}
	classes := []string{code.Dir, filepath.Join(code.Dir, "*"), filepath.Join(code.Dir, "lib", "*")}
	if !bringsJavaRIC(code.Dir) {
		client, err := installJava(ctx, opts)
		if err != nil {
			return nil, err
		}
		classes = append(classes, filepath.Join(client, "*"))
	}
	return &Process{Handler: code.Handler, Command: []string{
		java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-cp", strings.Join(classes, string(filepath.ListSeparator)), javaMain, code.Handler,
	}}, nil
}

func bringsJavaRIC(dir string) bool {
	for _, jar := range append(jars(dir), jars(filepath.Join(dir, "lib"))...) {
		if strings.HasPrefix(filepath.Base(jar), javaRIC) {
			return true
		}
	}
	return false
}

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if path := filepath.Join(home, "bin", "java"); isFile(path) {
			return path, nil
		}
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", errorf("there is no Java on the PATH").hintf("install a JDK, or set JAVA_HOME")
	}
	return filepath.Abs(path)
}

// installJava fetches the runtime client and its dependencies with Maven.
func installJava(ctx context.Context, opts *Options) (string, error) {
	in := installation{
		name: "java-" + strings.ReplaceAll(javaRICFull, ":", "-"),
		what: javaRICFull,
		hint: "with Maven on the PATH and access to its central repository it is installed by itself; or make it a dependency of the function",
	}
	in.command = func(dir string) *exec.Cmd {
		os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(javaPOM()), 0o644)
		cmd := exec.Command("mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory="+dir)
		cmd.Dir = dir
		return cmd
	}
	return ensure(ctx, opts, in)
}

func javaPOM() string {
	parts := strings.Split(javaRICFull, ":")
	return `<project><modelVersion>4.0.0</modelVersion>
<groupId>perdure</groupId><artifactId>runtime</artifactId><version>1</version>
<dependencies><dependency>
<groupId>` + parts[0] + `</groupId><artifactId>` + parts[1] + `</artifactId><version>` + parts[2] + `</version>
</dependency></dependencies></project>
`
}

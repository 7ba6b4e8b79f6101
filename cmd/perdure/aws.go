package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/cli"
	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/core/rehearsal"
	"github.com/perdure/perdure/internal/sdk/sign"
	"github.com/perdure/perdure/protocol"
)

// awsService is AWS Lambda, to read executions from.
type awsService struct {
	*remote
	region string
}

// dialAWS finds credentials and region as the AWS CLI does, from environment variables and its files. Credentials
// that have to be asked for, such as those of SSO, are for its export-credentials.
func (v *replayVerb) dialAWS() (service, error) {
	profile := cmp.Or(v.identity.Profile, os.Getenv("AWS_PROFILE"), "default")
	config := readSettings(cmp.Or(os.Getenv("AWS_CONFIG_FILE"), inHome(".aws/config")))
	settings := config[profile]
	if profile != "default" {
		settings = config["profile "+profile]
	}
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), settings["region"])
	if region == "" {
		return nil, cli.Usagef("no AWS region is set").Hintf("set AWS_REGION, or region in profile %s of ~/.aws/config",
			profile)
	}
	key := sign.Credentials{KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Session: os.Getenv("AWS_SESSION_TOKEN")}
	if key.KeyID == "" || key.Secret == "" {
		files := readSettings(cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), inHome(".aws/credentials")))
		for _, s := range []map[string]string{files[profile], settings} {
			if s["aws_access_key_id"] != "" {
				key = sign.Credentials{KeyID: s["aws_access_key_id"], Secret: s["aws_secret_access_key"],
					Session: s["aws_session_token"]}
				break
			}
		}
	}
	if key.KeyID == "" || key.Secret == "" {
		return nil, cli.Usagef("profile %s has no access key for AWS", profile).
			Hintf("of other profiles, such as those of SSO, the AWS CLI makes one: "+
				"eval \"$(aws configure export-credentials --profile %s --format env)\"", profile)
	}
	transport, err := v.transport()
	if err != nil {
		return nil, err
	}
	domain := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_LAMBDA"), os.Getenv("AWS_ENDPOINT_URL"),
		"https://lambda."+region+domain)
	return &awsService{&remote{&client.Client{Endpoint: strings.TrimSuffix(endpoint, "/"), Key: key, Region: region,
		Transport: again{transport}}}, region}, nil
}

func inHome(path string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, path)
}

// readSettings reads a file of the AWS CLI: sections with settings. One that cannot be read has none.
func readSettings(path string) map[string]map[string]string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	all := map[string]map[string]string{}
	section := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		name, value, ok := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = map[string]string{}
			all[strings.Join(strings.Fields(line[1:len(line)-1]), " ")] = section
		case ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";"):
			section[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return all
}

// again carries reading requests, and repeats those that AWS throttles or fails to answer.
type again struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (a again) RoundTrip(req *http.Request) (*http.Response, error) {
	const tries = 5
	for n, pause := 1, 200*time.Millisecond; ; n, pause = n+1, 2*pause {
		resp, err := a.RoundTripper.RoundTrip(req)
		if err != nil || n == tries || req.Method != http.MethodGet ||
			resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < 500 {
			return resp, err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		resp.Body.Close()
		select {
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		case <-time.After(pause):
		}
	}
}

// resolve takes an ARN, or the name of an execution of the function.
func (a *awsService) resolve(ctx context.Context, word, function string) (string, error) {
	if _, err := protocol.ParseARN(word); err == nil {
		return word, nil
	}
	var found []string
	for arn, err := range a.Executions(ctx, function, word, "") {
		if err != nil {
			return "", a.fault(ctx, err)
		}
		found = append(found, arn)
	}
	switch len(found) {
	case 0:
		return "", cli.Faultf("no execution of %s in %s is called %q, and there is no such file", function, a.region,
			word).Hintf("give an ARN, or the whole name")
	case 1:
		return found[0], nil
	}
	return "", cli.Faultf("%d executions of %s are called %q", len(found), function, word).Hintf("give the ARN")
}

func (a *awsService) open(ctx context.Context, function string) iter.Seq2[string, error] {
	return openOf(ctx, a.remote, function, a.fault)
}

// recording reads an execution's history: the Lambda API shows operations to the function only.
func (a *awsService) recording(ctx context.Context, arn string) (*rehearsal.Recording, error) {
	doc := struct {
		DurableExecutionArn string
		Events              []json.RawMessage
	}{DurableExecutionArn: arn}
	for ev, err := range a.Events(ctx, arn, false) {
		if err != nil {
			return nil, a.fault(ctx, err)
		}
		doc.Events = append(doc.Events, ev.JSON)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	rec, err := rehearsal.Read(data)
	if err != nil {
		return nil, cli.Faultf("execution %s cannot be replayed: %v", nameInARN(arn), err)
	}
	return rec, nil
}

// fault words an error of a call.
func (a *awsService) fault(ctx context.Context, err error) error {
	refusal, refused := errors.AsType[*protocol.Error](err)
	switch {
	case err == nil:
		return nil
	case interrupted(ctx):
		return context.Cause(ctx)
	case refused && isStranger(refusal.Code):
		return cli.Faultf("AWS does not let us in: %s", refusal.Message).
			Hintf("the key is from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from AWS_PROFILE")
	case refused:
		return cli.Faultf("AWS refused: %s: %s", refusal.Code, refusal.Message)
	}
	return cli.Faultf("talking to AWS at %s: %v", a.Endpoint, innermost(err))
}

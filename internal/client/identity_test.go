package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/client"
	"github.com/perdure/perdure/internal/sdk/sign"
)

const (
	awsConfig = `
[default]
region = eu-north-1
[profile  work]
region=eu-central-1
sso_start_url = https://example.com
# aws_access_key_id = COMMENT
[profile aws-cn]
region = cn-north-1
`
	awsCredentials = `
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = secret=of/default
[aws-cn]
aws_access_key_id = AKCN
aws_secret_access_key = secret of cn
aws_session_token = token
`
)

// TestAWS: what AWS's tools would use.
func TestAWS(t *testing.T) {
	type found struct {
		Endpoint, Region string
		Key              sign.Credentials
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "secret of env"}
	tests := []struct {
		name string
		env  map[string]string
		want found
		err  string
	}{
		{"files", nil, found{"https://lambda.eu-north-1.amazonaws.com", "eu-north-1",
			sign.Credentials{KeyID: "AKDEFAULT", Secret: "secret=of/default"}}, ""},
		{"profile", map[string]string{"AWS_PROFILE": "aws-cn"}, found{"https://lambda.cn-north-1.amazonaws.com.cn", "cn-north-1",
			sign.Credentials{KeyID: "AKCN", Secret: "secret of cn", Session: "token"}}, ""},
		{"environment", map[string]string{"AWS_REGION": "us-west-2", "AWS_ENDPOINT_URL_LAMBDA": "http://localhost:4566/"},
			found{"http://localhost:4566", "us-west-2", sign.Credentials{KeyID: "AKENV", Secret: "secret of env"}}, ""},
		{"keys and a profile", map[string]string{"AWS_PROFILE": "work"}, found{"https://lambda.eu-central-1.amazonaws.com",
			"eu-central-1", sign.Credentials{KeyID: "AKENV", Secret: "secret of env"}}, ""},
		{"single sign-on", map[string]string{"AWS_PROFILE": "work"}, found{},
			"aws configure export-credentials --profile work --format env"},
		{"no region", map[string]string{"AWS_PROFILE": "nobody"}, found{},
			"no region is set; set AWS_REGION, or the region of the profile nobody"},
		{"file that is none", map[string]string{"AWS_CONFIG_FILE": "."}, found{}, "is a directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID",
				"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_CONFIG_FILE",
				"AWS_SHARED_CREDENTIALS_FILE"} {
				t.Setenv(name, "")
			}
			home := t.TempDir()
			t.Setenv("HOME", home)
			write(t, filepath.Join(home, ".aws", "config"), awsConfig)
			write(t, filepath.Join(home, ".aws", "credentials"), awsCredentials)
			if strings.Contains(test.want.Key.KeyID, "ENV") {
				for name, value := range keys {
					t.Setenv(name, value)
				}
			}
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			c, err := client.AWS()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, found{c.Endpoint, c.Region, c.Key}); diff != "" {
				t.Errorf("client (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

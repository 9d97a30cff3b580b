package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gomph/gomph/internal/kit/blob/policy"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

func made(t *testing.T, text string, err error) string {
	t.Helper()
	if err != nil || !json.Valid([]byte(text)) {
		t.Fatalf("%s, %v", text, err)
	}
	return text
}

// assume is a key that may do what a policy says.
func assume(t *testing.T, server s3test.Server, text string) credentials.Value {
	t.Helper()
	c, err := credentials.NewSTSAssumeRole(server.Endpoint, credentials.STSAssumeRoleOptions{AccessKey: server.AccessKey, SecretKey: server.SecretKey, Policy: text, Location: server.Options.Region})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.GetWithContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ask(t *testing.T, target probe.Target) []probe.Result {
	t.Helper()
	results, err := probe.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// Both policies together leave nothing to complain of (requirements F4, F5, F7).
func TestPoliciesHold(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	for _, prefix := range []string{"", "one"} {
		for _, provider := range []string{policy.MinIO, policy.AWS, policy.Generic} {
			o, other := server.Bucket(t), server.Bucket(t)
			o.Prefix = prefix
			p := policy.Options{Bucket: o.Bucket, Prefix: prefix, Provider: provider}
			text, err := policy.Anonymous(p)
			server.Policy(t, o.Bucket, made(t, text, err))
			text, err = policy.Application(p)
			text = strings.ReplaceAll(made(t, text, err), "s3:PutObjectAcl", "s3:PutObject") // which MinIO does not know
			key := assume(t, server, text)
			o.AccessKey, o.SecretKey, o.Session = key.AccessKeyID, key.SecretAccessKey, key.SessionToken
			public := strings.TrimSuffix(server.Endpoint+"/"+o.Bucket+"/"+prefix, "/")
			results := ask(t, probe.Target{Files: s3test.Open(t, o), Public: public, Other: other.Bucket})
			for _, r := range results {
				if r.Level != checkup.OK {
					t.Errorf("%s, prefix %q: %+v", provider, prefix, r)
				}
			}
			if len(results) != 13 {
				t.Errorf("only %d results", len(results))
			}
		}
	}
}

// versitygw takes the policy of strangers too. The key is its root's there.
func TestAnotherServerTakesThePolicy(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		if !server.Policies {
			return // its buckets are never public
		}
		o := server.Options
		text, err := policy.Anonymous(policy.Options{Bucket: o.Bucket})
		server.Policy(t, o.Bucket, made(t, text, err))
		for _, r := range ask(t, probe.Target{Files: s3test.Open(t, o), Public: server.Endpoint + "/" + o.Bucket}) {
			if r.Level != checkup.OK && r.ID != "F7" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// A key that may not do enough is told, and one that may do too much.
func TestKeysThatAreWrong(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	other := server.Bucket(t)
	for _, c := range []struct{ without, with, check string }{
		{"s3:ListBucket", "s3:GetBucketLocation", probe.Own}, {"s3:DeleteObject", "s3:GetObject", probe.Own}, {"", "", ""},
	} {
		o := server.Bucket(t)
		text, err := policy.Application(policy.Options{Bucket: o.Bucket, Provider: policy.MinIO})
		made(t, text, err)
		if c.without == "" {
			text = strings.ReplaceAll(text, o.Bucket, "*")
		} else {
			text = strings.ReplaceAll(text, c.without+`"`, c.with+`"`)
		}
		key := assume(t, server, text)
		o.AccessKey, o.SecretKey, o.Session = key.AccessKeyID, key.SecretAccessKey, key.SessionToken
		results, err := probe.Run(t.Context(), probe.Target{Files: s3test.Open(t, o), Public: server.Endpoint + "/" + o.Bucket, Other: other.Bucket})
		red := map[string]checkup.Level{}
		for _, r := range results {
			red[r.Check] = r.Level
		}
		if c.check != "" && red[c.check] != checkup.Failure {
			t.Errorf("without %s: %+v, %v", c.without, results, err)
		}
		if c.check == "" && (red[probe.OthersRead] != checkup.Warning || red[probe.Own] != checkup.OK) {
			t.Errorf("with everything: %+v, %v", results, err)
		}
	}
}

func TestWhatCannotBe(t *testing.T) {
	t.Parallel()
	for _, o := range []policy.Options{{}, {Bucket: "*"}, {Bucket: "a", Prefix: "*"}, {Bucket: "a", Provider: "b"}} {
		if _, err := policy.Anonymous(o); err == nil {
			t.Errorf("%+v", o)
		}
		if _, err := policy.Application(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
	for _, provider := range []string{policy.MinIO, policy.AWS, policy.Generic} {
		for _, anonymous := range []bool{true, false} {
			if policy.Advice(policy.Options{Bucket: "b", Provider: provider}, anonymous) == "" {
				t.Error("no advice")
			}
		}
	}
}

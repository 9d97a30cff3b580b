package app

import (
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/config"
)

func TestS3Options(t *testing.T) {
	t.Parallel()
	with := func(f config.Files) *config.Config {
		f.S3Enabled, f.S3Bucket, f.S3Key, f.S3Secret = "true", "files", "KEY", "sesame"
		c := &config.Config{Files: f}
		if err := c.Check(false); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for want, f := range map[string]config.Files{
		"https://files.s3.":                       {},
		"https://s3.example.com/files/a/x?":       {S3Endpoint: "https://s3.example.com", S3Prefix: "a"},
		"https://files.s3.example.com/x?":         {S3Endpoint: "s3.example.com", S3HostStyle: "true"},
		"http://s3.example.com:9000/files/x?":     {S3Endpoint: "s3.example.com:9000", S3Protocol: "http", S3HostStyle: "false"},
		"https://files.s3.dualstack.eu-west-1.am": {S3Region: "eu-west-1"},
	} {
		o, err := s3Options(&with(f).Files, "")
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		s, err := s3.Open(o)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got, err := s.Presign(t.Context(), "x", time.Minute); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s, not %s: %v", got, want, err)
		}
	}
	o, err := s3Options(&with(config.Files{
		S3Permission: "private", S3StorageClass: "COLD", S3OpenTimeout: 7, S3ReadTimeout: 8, S3Retries: 9, S3SingleRequest: "true", S3Threshold: 10, S3Region: "r",
	}).Files, "")
	if err != nil || o.Permission != "private" || o.StorageClass != "COLD" || o.OpenTimeout != 7*time.Second || o.ReadTimeout != 8*time.Second || o.Retries != 9 ||
		!o.SingleRequest || o.MultipartAbove != 10 || o.Region != "r" || o.AccessKey != "KEY" || o.SecretKey != "sesame" || o.PathStyle {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := s3Options(&with(config.Files{}).Files, "/none"); err == nil || !strings.Contains(err.Error(), "GOMPH_CA_FILE") {
		t.Errorf("an authority that is not there: %v", err)
	}
}

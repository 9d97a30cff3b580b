package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
)

// onS3 is a configuration with files on a server, as far as it must be.
func onS3(change func(*config.Config)) *config.Config {
	return with(func(c *config.Config) {
		c.S3Enabled, c.S3Bucket, c.S3Key, c.S3Secret = "true", "files", "KEY", "sesame"
		change(c)
	})
}

func TestWherePeopleGetFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string
		config *config.Config
	}{
		{"/system", with(func(*config.Config) {})},
		{"/media", with(func(c *config.Config) { c.RootURL = "/media/" })},
		{"https://files.example.com", with(func(c *config.Config) { c.RootURL, c.S3Bucket = "https://files.example.com/", "unused" })},
		{"/system", onS3(func(*config.Config) {})},
		{"https://media.example", onS3(func(c *config.Config) { c.MediaHost, c.S3Alias = "Media.example", "cdn.example.com" })},
		{"https://media.example", with(func(c *config.Config) { c.MediaHost = "media.example" })},
		{"https://files.example.com", onS3(func(c *config.Config) { c.RootURL = "https://files.example.com" })},
		{"http://127.0.0.1:9000/files", onS3(func(c *config.Config) { c.S3Host, c.S3Protocol = "127.0.0.1:9000", "http" })},
		{"https://pub.example.com/files", onS3(func(c *config.Config) { c.S3Endpoint, c.S3Host = "http://10.0.0.1:9000", "pub.example.com" })},
		{"https://cdn.example.com", onS3(func(c *config.Config) { c.S3Host, c.S3Alias = "pub.example.com", "cdn.example.com" })},
		{"https://cdn.example.com/x/a", onS3(func(c *config.Config) { c.S3Alias, c.S3Prefix, c.RootURL = "cdn.example.com/x/", "/a/", "/unused" })},
	} {
		if err := c.config.Check(false); err != nil {
			t.Errorf("%s: %v", c.want, err)
		}
		if got := c.config.FilesURL("https"); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
}

func TestExtraMediaHosts(t *testing.T) {
	t.Parallel()
	c := with(func(c *config.Config) {
		c.MediaHosts = []string{"https://a.example ", " https://b.example https://c.example/x/", ""}
	})
	if err := c.Check(false); err != nil || !slices.Equal(c.MediaHosts, []string{"https://a.example", "https://b.example", "https://c.example/x/"}) {
		t.Errorf("%q, %v", c.MediaHosts, err)
	}
}

func TestFilesThatCannotWork(t *testing.T) {
	t.Parallel()
	for word, change := range map[string]func(*config.Config){
		"needs S3_BUCKET":             func(c *config.Config) { c.S3Bucket = "" },
		"needs AWS_ACCESS_KEY_ID":     func(c *config.Config) { c.S3Key = "" },
		"needs AWS_SECRET_ACCESS_KEY": func(c *config.Config) { c.S3Secret = "" },
		"must be v4":                  func(c *config.Config) { c.S3Signature = "v2" },
		"S3_HOSTNAME":                 func(c *config.Config) { c.S3Host = "https://s3.example.com" },
		"S3_ALIAS_HOST":               func(c *config.Config) { c.S3Alias = "https://cdn.example.com" },
		"S3_OPEN_TIMEOUT":             func(c *config.Config) { c.S3OpenTimeout = 601 },
		"S3_READ_TIMEOUT":             func(c *config.Config) { c.S3ReadTimeout = -1 },
		"S3_RETRY_LIMIT":              func(c *config.Config) { c.S3Retries = 21 },
		"S3_MULTIPART_THRESHOLD":      func(c *config.Config) { c.S3Threshold = -1 },
		"PAPERCLIP_ROOT_URL":          func(c *config.Config) { c.RootURL = "system" },
		"EXTRA_MEDIA_HOSTS":           func(c *config.Config) { c.MediaHosts = []string{"https://ok.example", "https://x.example;script-src"} },
	} {
		if err := onS3(change).Check(false); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	off := with(func(c *config.Config) { c.S3Enabled, c.S3Signature, c.S3Host = "false", "v2", "https://x" })
	if err := off.Check(false); err != nil {
		t.Errorf("settings of what is off: %v", err)
	}
	for _, s := range config.Settings() {
		if s.Env[0] == "AWS_SECRET_ACCESS_KEY" && s.Value(onS3(func(*config.Config) {})) != "********" {
			t.Error("the secret is shown")
		}
	}
}

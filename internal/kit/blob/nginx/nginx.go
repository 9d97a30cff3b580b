// Package nginx owns the configuration of nginx as a cache and proxy in front of the bucket with the files, for those who prefer that to this
// program's own (requirements F11, F14).
package nginx

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/gomph/gomph/internal/kit/blob"
)

//go:embed files.conf.tmpl
var source string

var page = template.Must(template.New("files.conf").Parse(source))

// Options say where everything is.
type Options struct {
	// Host is the host of the files.
	Host string
	// Origin is the bucket's address as strangers read it, with the folder that keys begin with, such as https://s3.example.com/files.
	Origin string
	// Root is the folder with local files, the fallback while they move; "" for none.
	Root string
	// Listen is where nginx listens; "" is port 80 of every address.
	Listen string
	// Cache is the folder of the cache; "" is /var/cache/nginx/gomph-files.
	Cache string
	// Fresh is how long a file is served without asking the bucket whether it still is there, in nginx's words; "" is 2d, two days.
	Fresh string
	// CAFile holds the authorities that the origin's certificate is checked against; "" is Debian's file.
	CAFile string
}

// settings are what the template is filled with.
type settings struct {
	Options
	Listens      []string
	Scheme       string
	Server, Name string // host:port of the origin, and its host alone, which its certificate is for
	HostHeader   string
	Path         string // of the bucket, without a slash at its end
	Folders      string // an alternative of a regular expression
	Ends         string
	Types        []string
	Hidden       []string
}

// hidden are headers of S3 servers that tell strangers what is none of their business, and those that this configuration sets itself.
var hidden = []string{
	"x-amz-id-2", "x-amz-request-id", "x-amz-version-id", "x-amz-delete-marker", "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-replication-status",
	"x-amz-expiration", "x-amz-restore", "x-amz-tagging-count", "x-amz-bucket-region", "x-amz-bucket-arn", "x-amz-mp-parts-count", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date",
	"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-meta-mtime", "x-amz-meta-s3cmd-attrs", "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
	"x-amz-checksum-sha1", "x-amz-checksum-sha256", "x-amz-checksum-type", "x-amz-cf-id", "x-amz-cf-pop", "x-amz-website-redirect-location",
	"x-minio-deployment-id", "x-minio-error-code", "x-minio-error-desc", "x-ratelimit-limit", "x-ratelimit-remaining", "x-xss-protection", "x-rgw-object-type", "x-wasabi-cm-reference-id",
	"access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "access-control-allow-credentials", "access-control-expose-headers", "access-control-max-age",
	"set-cookie", "cache-control", "expires", "content-disposition", "content-security-policy", "cross-origin-resource-policy", "strict-transport-security", "x-content-type-options", "vary",
}

// safe is what may stand in a configuration without quotes.
var safe = regexp.MustCompile(`^[A-Za-z0-9._~/:\[\]@%+-]*$`)

// Config writes the configuration, for the http context of nginx (a file in conf.d or sites-enabled).
func Config(o Options) (string, error) {
	s := settings{Options: o, Hidden: hidden}
	u, err := url.Parse(o.Origin)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "":
		return "", fmt.Errorf("writing nginx's configuration: %q is no address of a bucket", o.Origin)
	case o.Host == "":
		return "", errors.New("writing nginx's configuration: the files need a host of their own, such as files.example.com")
	case o.Root != "" && !filepath.IsAbs(o.Root):
		return "", fmt.Errorf("writing nginx's configuration: the folder of local files must begin at /, not %q", o.Root)
	}
	for _, text := range []string{o.Host, o.Origin, o.Root, o.Listen, o.Cache, o.Fresh, o.CAFile} {
		if !safe.MatchString(text) {
			return "", fmt.Errorf("writing nginx's configuration: %q has characters that mean something to nginx", text)
		}
	}
	s.Scheme, s.HostHeader, s.Name, s.Path = u.Scheme, u.Host, u.Hostname(), strings.TrimRight(u.Path, "/")
	s.Server = u.Host
	if u.Port() == "" {
		s.Server = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	}
	s.Listens = []string{o.Listen}
	if o.Listen == "" {
		s.Listens = []string{"80", "[::]:80"}
	}
	if s.Cache == "" {
		s.Cache = "/var/cache/nginx/gomph-files"
	}
	if s.Fresh == "" {
		s.Fresh = "2d"
	}
	if s.CAFile == "" {
		s.CAFile = "/etc/ssl/certs/ca-certificates.crt"
	}
	var folders []string
	for _, f := range blob.Folders {
		folders = append(folders, strings.TrimSuffix(f, "/"))
	}
	s.Folders = strings.Join(folders, "|")
	types := blob.Types()
	var ends []string
	for _, end := range slices.Sorted(maps.Keys(types)) {
		kind := types[end]
		if !strings.HasPrefix(kind, "image/") && !strings.HasPrefix(kind, "video/") && !strings.HasPrefix(kind, "audio/") {
			continue // nobody looks at it or listens to it
		}
		ends = append(ends, end[1:])
		s.Types = append(s.Types, kind+" "+end[1:])
	}
	s.Ends = strings.Join(ends, "|")
	var b strings.Builder
	if err := page.Execute(&b, s); err != nil {
		return "", fmt.Errorf("writing nginx's configuration: %w", err)
	}
	return b.String(), nil
}

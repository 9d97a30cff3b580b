package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Files are the settings of where files are kept and where people get them. What they mean is Mastodon's: config/initializers/paperclip.rb,
// app/lib/content_security_policy.rb and admin/optional/object-storage of its documentation.
type Files struct {
	S3Enabled   string `name:"s3-enabled" env:"S3_ENABLED" group:"Files" enum:",true,false" default:"" placeholder:"BOOL" help:"true keeps files on an S3 server. Otherwise they are in GOMPH_DATA."`
	S3Bucket    string `name:"s3-bucket" env:"S3_BUCKET" group:"Files" placeholder:"NAME" help:"The bucket, which must be there."`
	S3Region    string `name:"s3-region" env:"S3_REGION" group:"Files" default:"us-east-1" placeholder:"NAME" help:"The region of the bucket."`
	S3Endpoint  string `name:"s3-endpoint" env:"S3_ENDPOINT" group:"Files" placeholder:"URL" help:"The server. Default: Amazon's, of the region."`
	S3Key       string `name:"aws-access-key-id" env:"AWS_ACCESS_KEY_ID" group:"Files" placeholder:"KEY" help:"The key, which may read, write, delete and list (s3:GetObject, s3:PutObject, s3:PutObjectAcl, s3:DeleteObject, s3:ListBucket)."`
	S3Secret    string `name:"aws-secret-access-key" env:"AWS_SECRET_ACCESS_KEY" group:"Files" secret:"" placeholder:"SECRET" help:"Its secret."`
	S3Signature string `name:"s3-signature-version" env:"S3_SIGNATURE_VERSION" group:"Files" default:"v4" placeholder:"VERSION" help:"Only v4 is spoken."`
	S3Host      string `name:"s3-hostname" env:"S3_HOSTNAME" group:"Files" placeholder:"HOST" help:"Where people get files, below the bucket's name, when it is not this server that gives them out. Default: this server does, so that addresses stay what they are when files move."`
	S3Alias     string `name:"s3-alias-host" env:"S3_ALIAS_HOST,S3_CLOUDFRONT_HOST" group:"Files" placeholder:"HOST" help:"Where people get files instead, without the bucket's name: a proxy, or a network of caches."`
	S3Protocol  string `name:"s3-protocol" env:"S3_PROTOCOL" group:"Files" enum:",https,http" default:"https" placeholder:"PROTOCOL" help:"How people reach either, and how S3_ENDPOINT is spoken to when it is a host alone."`

	S3Permission    string `name:"s3-permission" env:"S3_PERMISSION" group:"Files" default:"public-read" placeholder:"LIST" help:"The access list that public files are stored with; files for one person alone are private. Set to nothing, none is sent: some servers and buckets take none."`
	S3HostStyle     string `name:"s3-override-path-style" env:"S3_OVERRIDE_PATH_STYLE" group:"Files" enum:",true,false" default:"" placeholder:"BOOL" help:"true asks S3_ENDPOINT for BUCKET.HOST instead of HOST/BUCKET."`
	S3Prefix        string `name:"s3-key-prefix" env:"S3_KEY_PREFIX" group:"Files" placeholder:"FOLDER" help:"A folder in the bucket that everything is below, so that several servers can share the bucket."`
	S3StorageClass  string `name:"s3-storage-class" env:"S3_STORAGE_CLASS" group:"Files" placeholder:"CLASS" help:"The class that files are stored in, such as STANDARD_IA. Default: the server's."`
	S3OpenTimeout   int    `name:"s3-open-timeout" env:"S3_OPEN_TIMEOUT" group:"Files" default:"5" placeholder:"SECONDS" help:"How long connecting may take."`
	S3ReadTimeout   int    `name:"s3-read-timeout" env:"S3_READ_TIMEOUT" group:"Files" default:"30" placeholder:"SECONDS" help:"How long the server may be silent. Mastodon's default is 5, which is short for deleting a thousand files at once."`
	S3Retries       int    `name:"s3-retry-limit" env:"S3_RETRY_LIMIT" group:"Files" default:"3" placeholder:"N" help:"How often a request is tried again that may succeed then. Mastodon's default is 0."`
	S3SingleRequest string `name:"s3-force-single-request" env:"S3_FORCE_SINGLE_REQUEST" group:"Files" enum:",true,false" default:"" placeholder:"BOOL" help:"true sends large files whole, for servers that cannot put parts together."`
	S3Threshold     int64  `name:"s3-multipart-threshold" env:"S3_MULTIPART_THRESHOLD" group:"Files" default:"16777216" placeholder:"BYTES" help:"Larger files are sent in parts."`

	MoveFrom    string   `name:"move-files-from" env:"GOMPH_MOVE_FILES_FROM" group:"Files" placeholder:"PLACE" help:"Where files were until now, while gomph media migrate moves them: disk for GOMPH_DATA, or a file with the S3_ and AWS_ lines of the old server. What is not here yet is read from there."`
	MoveWrites  string   `name:"move-files-writes" env:"GOMPH_MOVE_FILES_WRITES" group:"Files" enum:"both,new" default:"both" placeholder:"both|new" help:"Whether new files go to both places meanwhile, so that there is a way back, or to the new one alone."`
	RemotePlace string   `name:"remote-files" env:"GOMPH_REMOTE_FILES" group:"Files" placeholder:"PLACE" help:"Where files of other servers are kept, when that is not where our own are: disk, or a file with S3_ and AWS_ lines."`
	CacheGB     int      `name:"files-cache" env:"GOMPH_FILES_CACHE" group:"Files" default:"2" placeholder:"GB" help:"How much of an S3 server's files each host keeps in GOMPH_DATA/files-cache, so that what many look at is fetched once; 0 keeps nothing."`
	MediaHost   string   `name:"media-host" env:"GOMPH_MEDIA_HOST" group:"Files" placeholder:"HOST" help:"A host of its own for files, which leads to this server too: nothing but pictures, video and sound is there, no page and no cookie. Addresses stay what they are wherever files are kept."`
	RootURL     string   `name:"paperclip-root-url" env:"PAPERCLIP_ROOT_URL" group:"Files" placeholder:"URL" help:"Where people get files that are in GOMPH_DATA: a path of this server, or an address elsewhere that serves GOMPH_DATA/system. Default: /system."`
	MediaHosts  []string `name:"extra-media-hosts" env:"EXTRA_MEDIA_HOSTS" group:"Files" sep:"," placeholder:"URLS" help:"Further addresses that pages may show pictures, video and sound from, like https://data.example.com. Those that gomph media switch announced are among them by themselves."`
}

const (
	// mostSeconds is a time-out's upper bound: whoever waits for a file is gone by then.
	mostSeconds = 600
	// mostRetries keeps one request from being tried for minutes.
	mostRetries = 20
)

// S3 reports whether files are kept on an S3 server.
func (f *Files) S3() bool { return f.S3Enabled == "true" }

// FilesURL is where people get files, without a slash at its end: an address, or a path of this server. Scheme is that of a host of its own.
func (f *Files) FilesURL(scheme string) string {
	if f.MediaHost != "" {
		return scheme + "://" + f.MediaHost
	}
	if !f.S3() || f.S3Alias == "" && f.S3Host == "" {
		if root := strings.TrimRight(f.RootURL, "/"); root != "" {
			return root
		}
		return "/system"
	}
	protocol := f.S3Protocol
	if protocol == "" {
		protocol = "https"
	}
	at := f.S3Alias
	if at == "" {
		at = strings.TrimRight(f.S3Host, "/") + "/" + f.S3Bucket
	}
	at = strings.TrimRight(at, "/")
	if prefix := strings.Trim(f.S3Prefix, "/"); prefix != "" {
		at += "/" + prefix
	}
	return protocol + "://" + at
}

// checkFiles fills in what follows from other settings of files and refuses what cannot work.
func (f *Files) checkFiles() error {
	f.MediaHosts = slices.DeleteFunc(strings.FieldsFunc(strings.Join(f.MediaHosts, ","), func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), func(s string) bool { return s == "" })
	for _, at := range f.MediaHosts {
		if !isOrigin(at) {
			return fmt.Errorf("EXTRA_MEDIA_HOSTS must be addresses like https://data.example.com, with commas between, not %q", at)
		}
	}
	if f.RootURL != "" && !strings.HasPrefix(f.RootURL, "/") && !isOrigin(f.RootURL) {
		return fmt.Errorf("PAPERCLIP_ROOT_URL must be a path like /system or an address like https://files.example.com, not %q", f.RootURL)
	}
	if strings.ContainsAny(f.MediaHost, "/@? ") {
		return fmt.Errorf("GOMPH_MEDIA_HOST must be a host alone, like media.example, not %q", f.MediaHost)
	}
	f.MediaHost = strings.ToLower(f.MediaHost)
	if !f.S3() {
		return nil
	}
	return f.checkS3()
}

func (f *Files) checkS3() error {
	if f.S3Region == "" {
		f.S3Region = "us-east-1"
	}
	for _, d := range []struct{ name, value string }{{"S3_BUCKET", f.S3Bucket}, {"AWS_ACCESS_KEY_ID", f.S3Key}, {"AWS_SECRET_ACCESS_KEY", f.S3Secret}} {
		if d.value == "" {
			return fmt.Errorf("S3_ENABLED=true needs %s", d.name)
		}
	}
	if v := f.S3Signature; v != "" && v != "v4" && v != "s3v4" {
		return fmt.Errorf("S3_SIGNATURE_VERSION must be v4, not %q: the older ones are not spoken, and every server that is kept up takes v4", v)
	}
	for _, d := range []struct{ name, value string }{{"S3_HOSTNAME", f.S3Host}, {"S3_ALIAS_HOST", f.S3Alias}} {
		if strings.Contains(d.value, "://") || strings.ContainsAny(d.value, "@? ") || strings.HasPrefix(d.value, "/") {
			return fmt.Errorf("%s must be a host alone, like files.example.com, not %q; S3_PROTOCOL says how it is reached", d.name, d.value)
		}
	}
	for _, d := range []struct {
		name        string
		value, most int64
	}{
		{"S3_OPEN_TIMEOUT", int64(f.S3OpenTimeout), mostSeconds}, {"S3_READ_TIMEOUT", int64(f.S3ReadTimeout), mostSeconds},
		{"S3_RETRY_LIMIT", int64(f.S3Retries), mostRetries}, {"S3_MULTIPART_THRESHOLD", f.S3Threshold, 5 << 30},
	} {
		if d.value < 0 || d.value > d.most {
			return fmt.Errorf("%s must be from 0 to %d, not %d", d.name, d.most, d.value)
		}
	}
	return nil
}

// isOrigin reports whether something is an address on the web, perhaps with a path.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && !strings.ContainsAny(s, "; '\"")
}

package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/config"
)

// openFiles opens where files are kept: a folder, or a bucket.
func (b *base) openFiles() (blob.Store, error) {
	o, on, err := s3Options(b.Config)
	if err != nil {
		return nil, err
	}
	o.Observe = b.usage.observer(b.Metrics)
	if !on {
		disk, err := blob.OpenDisk(filepath.Join(b.Config.Data, "system"))
		if err != nil {
			return nil, err
		}
		b.closers = append(b.closers, func() { _ = disk.Close() })
		return disk, nil
	}
	bucket, err := s3.Open(o)
	if err != nil {
		return nil, err
	}
	b.bucket = bucket
	b.closers = append(b.closers, func() { _ = bucket.Close() })
	return bucket, nil
}

var findClips sync.Once
var foundClips *clip.Tools

// clips finds ffmpeg, once for the process: asking it what it can do takes a moment.
func clips(log *slog.Logger) *clip.Tools {
	findClips.Do(func() {
		foundClips = clip.Find(context.Background(), log, clip.Options{})
	})
	return foundClips
}

// scheme is how this server is reached.
func scheme(c *config.Config) string {
	if c.HTTPS() {
		return "https"
	}
	return "http"
}

// addresses are those under which people see files.
func (a *App) addresses() *media.Addresses {
	return media.NewAddresses(a.Site, a.Secret, filesRoot(a.Config), a.Config.MediaHost != "")
}

// filesRoot is the beginning of the addresses of files, without a slash at its end.
func filesRoot(c *config.Config) string {
	root := c.FilesURL(scheme(c))
	if strings.HasPrefix(root, "/") {
		root = siteOf(c).URL(root)
	}
	return root
}

// siteOf is this server as others see it.
func siteOf(c *config.Config) settings.Site {
	return settings.Site{LocalDomain: c.LocalDomain, WebDomain: c.WebDomain, HTTPS: c.HTTPS(), StreamingURL: strings.TrimSuffix(c.StreamingBase, "/")}
}

// fileHost is the host that has files and nothing else, and fileFolder the beginning of their paths at the web's own.
func fileHost(c *config.Config) string {
	if c.MediaHost != "" {
		return c.MediaHost
	}
	root := c.FilesURL(scheme(c))
	_, rest, _ := strings.Cut(root, "://")
	host, path, _ := strings.Cut(rest, "/")
	if path != "" || host == c.WebDomain {
		return "" // somebody else's: a bucket below a host
	}
	return host
}

func fileFolder(c *config.Config) string {
	if strings.HasPrefix(c.RootURL, "/") {
		return c.RootURL
	}
	return "/system"
}

// mediaHosts are the origins beside the web's own from where pages show files.
func mediaHosts(c *config.Config) []string {
	var out []string
	if root := filesRoot(c); !strings.HasPrefix(root+"/", siteOf(c).Base()+"/") {
		out = append(out, originOf(root))
	}
	for _, at := range c.MediaHosts {
		out = append(out, originOf(at))
	}
	return out
}

func originOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// s3Options are what the settings say of the S3 server with the files; false when files are in a folder.
func s3Options(c *config.Config) (o s3.Options, on bool, err error) {
	if !c.S3() {
		return o, false, nil
	}
	roots, err := authorities(c.CAFile)
	if err != nil {
		return o, false, err
	}
	return s3.Options{
		Endpoint: c.S3Endpoint, Region: c.S3Region, Bucket: c.S3Bucket, AccessKey: c.S3Key, SecretKey: c.S3Secret, Protocol: c.S3Protocol,
		// As Mastodon has it: by path on a server that is named, by host on Amazon's.
		PathStyle:  c.S3Endpoint != "" && c.S3HostStyle != "true",
		Permission: c.S3Permission, Prefix: c.S3Prefix, StorageClass: c.S3StorageClass,
		SingleRequest: c.S3SingleRequest == "true", MultipartAbove: c.S3Threshold,
		OpenTimeout: time.Duration(c.S3OpenTimeout) * time.Second, ReadTimeout: time.Duration(c.S3ReadTimeout) * time.Second,
		Retries: c.S3Retries, Roots: roots,
	}, true, nil
}

package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
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

// Places are where files are kept.
type Places struct {
	// Now is where they belong, and Old where they were before a move that is not over; nil outside of one.
	Now, Old blob.Store
}

// Files are the stored files, as this process sees them.
func (a *App) Files() blob.Store { return a.files }

// openFiles opens where files are kept, as all but the commands that move them see it.
func (b *base) openFiles() (blob.Store, Places, error) {
	var p Places
	now := b.placeNow()
	var err error
	if p.Now, err = b.openPlace(now); err != nil {
		return nil, p, err
	}
	files := b.cached(p.Now, b.Config.S3(), "files-cache")
	if from := b.Config.MoveFrom; from != "" {
		if from == now {
			return nil, p, fmt.Errorf("GOMPH_MOVE_FILES_FROM=%s is where files are: set S3_ENABLED and where they are to go, or leave it out", from)
		}
		if p.Old, err = b.openPlace(from); err != nil {
			return nil, p, err
		}
		moves := b.Metrics.Counter("files_moving_total", "What happened to files that are moved to another place while they are served.", "what")
		m := &blob.Moving{Old: p.Old, New: files, Both: b.Config.MoveWrites == "both", Log: b.Log, Observe: func(what string) { moves.Inc(what) }}
		b.closers = append(b.closers, func() { _ = m.Close() })
		files = m
	}
	if at := b.Config.RemotePlace; at != "" && at != now {
		remote, err := b.openPlace(at)
		if err != nil {
			return nil, p, err
		}
		files = blob.Split(media.CacheFolder, b.cached(remote, at != config.Disk, "remote-files-cache"), files)
	}
	return files, p, nil
}

// placeNow is the name of the place where files belong, for openPlace.
func (b *base) placeNow() string {
	if b.Config.S3() {
		return ""
	}
	return config.Disk
}

// openPlace opens a place of files: the disk, what a file names, or, for "", what the settings name.
func (b *base) openPlace(name string) (blob.Store, error) {
	if name == config.Disk {
		disk, err := blob.OpenDisk(filepath.Join(b.Config.Data, "system"))
		if err != nil {
			return nil, err
		}
		b.closers = append(b.closers, func() { _ = disk.Close() })
		return disk, nil
	}
	files := &b.Config.Files
	if name != "" {
		var err error
		if files, err = config.PlaceFile(name); err != nil {
			return nil, err
		}
	}
	o, err := s3Options(files, b.Config.CAFile)
	if err != nil {
		return nil, err
	}
	if name == "" {
		o.Observe = b.usage.observer(b.Metrics)
	}
	bucket, err := s3.Open(o)
	if err != nil {
		return nil, err
	}
	if name == "" {
		b.bucket = bucket
	}
	b.closers = append(b.closers, func() { _ = bucket.Close() })
	if !b.command && name == "" {
		// Said at start, by whom it can be mended, not by the first who uploads. A server that is away for a moment is no reason not to start.
		ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
		defer cancel()
		switch err := bucket.Ping(ctx); {
		case err == nil:
		case s3.IsAway(err), s3.IsDenied(err): // a key that may not list can do the rest, but what is missing looks refused to it
			b.Log.Warn("files", "error", err)
		default:
			return nil, err
		}
	}
	return bucket, nil
}

// cached keeps what is read from a bucket on this host's disk, as much as the settings allow.
func (b *base) cached(place blob.Store, far bool, folder string) blob.Store {
	if !far || b.Config.CacheGB == 0 || b.command {
		return place
	}
	reads := b.Metrics.Counter("files_cache_reads_total", "Files that were read from an S3 server, by whether the disk had them.", "found")
	c, err := blob.OpenCached(place, filepath.Join(b.Config.Data, folder), blob.CacheOptions{MaxBytes: int64(b.Config.CacheGB) << 30, Log: b.Log,
		Observe: func(hit bool, _ int64) { reads.Inc(strconv.FormatBool(hit)) }})
	if err != nil {
		b.Log.Error("files are read without a cache", "error", err)
		return place
	}
	b.closers = append(b.closers, func() { _ = c.Close() })
	return c
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
	o := media.AddressOptions{Root: filesRoot(a.Config), Alone: fileHost(a.Config)}
	if a.Config.MediaHost != "" {
		o.Proxy = media.OriginOf(o.Root)
	}
	for _, at := range a.Config.MediaHosts {
		o.Shown = append(o.Shown, media.OriginOf(at))
	}
	return media.NewAddresses(a.Site, a.Secret, o)
}

// filesRoot is how addresses of files begin by the settings, without a slash at the end. A switch may have made it another: see media.Hosts.
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

// s3Options are what the settings say of an S3 server with files.
func s3Options(c *config.Files, authority string) (o s3.Options, err error) {
	roots, err := authorities(authority)
	if err != nil {
		return o, err
	}
	return s3.Options{
		Endpoint: c.S3Endpoint, Region: c.S3Region, Bucket: c.S3Bucket, AccessKey: c.S3Key, SecretKey: c.S3Secret, Protocol: c.S3Protocol,
		// As Mastodon has it: by path on a server that is named, by host on Amazon's.
		PathStyle:  c.S3Endpoint != "" && c.S3HostStyle != "true",
		Permission: c.S3Permission, Prefix: c.S3Prefix, StorageClass: c.S3StorageClass,
		SingleRequest: c.S3SingleRequest == "true", MultipartAbove: c.S3Threshold,
		OpenTimeout: time.Duration(c.S3OpenTimeout) * time.Second, ReadTimeout: time.Duration(c.S3ReadTimeout) * time.Second,
		Retries: c.S3Retries, Roots: roots,
	}, nil
}
